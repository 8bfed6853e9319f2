using System.Globalization;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Memory is disposed while threads use it by every path and operation. Each access succeeds, and then finds nothing but what was written,
/// or fails as disposed. Every round has a pattern of its own, so that bytes of another round's memory are noticed as well.
/// Arguments: seconds, and the path, or <c>all</c>.
/// </summary>
public sealed unsafe class MemoryDisposeScenario : IScenario
{
    private const ulong Page = MemoryZoo.Page;
    private const ulong Pages = 4096;
    private const int Used = 6 * 4096;
    private const int Threads = 3;

    private long _rounds;
    private long _good;
    private long _disposed;

    public string Name => "memory-dispose";

    public int Run(string[] arguments)
    {
        var duration = TimeSpan.FromSeconds(double.Parse(arguments[0], CultureInfo.InvariantCulture));
        IReadOnlyList<string> paths = arguments[1] == "all" ? MemoryZoo.Paths : [arguments[1]];
        var crew = new StormCrew();
        Round(crew, paths[0], new Random(1));
        ProcessResources before = ProcessResources.Count();
        crew.StartCollector();
        var random = new Random(2);
        long end = Environment.TickCount64 + (long)duration.TotalMilliseconds;
        while ((Environment.TickCount64 < end || _rounds < 3 * paths.Count) && !crew.IsOver)
        {
            Round(crew, paths[(int)(_rounds % paths.Count)], random);
        }

        string? failure = crew.Finish() ?? ProcessResources.Count().LeakedSince(before, 256 << 20);
        if (failure is null && (_good == 0 || _disposed == 0))
        {
            failure = "nothing raced";
        }

        Console.WriteLine($"rounds={_rounds} succeeded={_good} disposed={_disposed}");
        Console.Write(failure);
        return failure is null ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private void Round(StormCrew crew, string path, Random random)
    {
        byte pattern = (byte)(1 + (_rounds++ % 255));
        (GuestMemory memory, GuestMemory root) = MemoryZoo.Create(path, Pages);
        memory.Fill(0, pattern, Used);
        var users = new Thread[Threads];
        using var started = new CountdownEvent(Threads);
        for (int i = 0; i < Threads; i++)
        {
            int seed = random.Next();
            users[i] = new Thread(() =>
            {
                try
                {
                    Use(crew, memory, pattern, new Random(seed), started);
                }
#pragma warning disable CA1031 // Whatever it is, it fails the storm.
                catch (Exception e)
#pragma warning restore CA1031
                {
                    crew.Fail($"{path}: {e}");
                }
            });
            users[i].Start();
        }

        started.Wait();
        Thread.SpinWait(random.Next(20_000));
        root.Dispose();
        foreach (Thread user in users)
        {
            user.Join();
        }

        if (memory.TryRead(0, out byte _, out GuestMemoryFault fault) || fault.Kind != GuestMemoryFaultKind.Disposed)
        {
            crew.Fail($"{path}: after the disposal: {fault}");
        }
    }

    /// <summary>Until the memory says it is disposed: all operations, none of which changes anything.</summary>
    private void Use(StormCrew crew, GuestMemory memory, byte pattern, Random random, CountdownEvent started)
    {
        byte[] source = new byte[9000];
        Array.Fill(source, pattern);
        byte[] bytes = new byte[9000];
        using GuestMemory own = GuestMemory.Allocate(3 * Page);
        ulong wide = pattern * 0x0101010101010101UL;
        long good = 0;
        bool signaled = false;
        while (!crew.IsOver)
        {
            int length = random.Next(4) == 0 ? random.Next(9000) : 1 + random.Next(64);
            ulong address = (ulong)random.Next(Used - length - 16);
            bool succeeded;
            bool intact = true;
            GuestMemoryFault fault;
            int operation = random.Next(11);
            switch (operation)
            {
                case 0:
                    succeeded = memory.TryRead(address, out ulong value, out fault);
                    intact = value == wide;
                    break;
                case 1:
                    Span<byte> read = bytes.AsSpan(0, length);
                    read.Clear();
                    succeeded = memory.TryRead(address, read, out fault);
                    intact = !read.ContainsAnyExcept(pattern);
                    break;
                case 2:
                    succeeded = memory.TryWrite(address, wide, out fault);
                    break;
                case 3:
                    succeeded = memory.TryWrite(address, source.AsSpan(0, length), out fault);
                    break;
                case 4:
                    succeeded = memory.TryFill(address, pattern, (ulong)length, out fault);
                    break;
                case 5:
                    succeeded = memory.TryCompareExchange(address & ~7UL, wide, wide, out _, out value, out fault);
                    intact = value == wide;
                    break;
                case 6:
                    succeeded = memory.TryCopyTo(address, memory, (ulong)random.Next(Used - length), (ulong)length, out fault);
                    break;
                case 7:
                    succeeded = memory.TryProbe(address, (ulong)length, random.Next(2) == 0 ? AccessType.Read : AccessType.Write, out fault);
                    break;
                case 8:
                    succeeded = memory.TryRead(address, out UInt128 big, out fault);
                    intact = big == new UInt128(wide, wide);
                    break;
                case 9:
                    // Where it can be looked at afterwards.
                    own.Clear(0, (ulong)length);
                    succeeded = memory.TryCopyTo(address, own, 0, (ulong)length, out fault);
                    Span<byte> copied = bytes.AsSpan(0, length);
                    own.Read(0, copied);
                    intact = !copied.ContainsAnyExcept(pattern);
                    break;
                default:
                    succeeded = TryUnderLock(memory, address, (ulong)length, pattern, out intact, out fault);
                    break;
            }

            if (!succeeded)
            {
                if (fault.Kind != GuestMemoryFaultKind.Disposed)
                {
                    crew.Fail($"{memory.Name}: operation {operation}: {fault}");
                }

                Interlocked.Increment(ref _disposed);
                break;
            }

            if (!intact)
            {
                crew.Fail($"{memory.Name}: operation {operation} found what was never written");
            }

            // Only when each has been done a few times is the memory disposed.
            if (++good > 20 && !signaled)
            {
                started.Signal();
                signaled = true;
            }
        }

        Interlocked.Add(ref _good, good);
        if (!signaled)
        {
            started.Signal();
        }
    }

    /// <summary>While pages are locked they stay, whoever disposes the memory meanwhile.</summary>
    private static bool TryUnderLock(
        GuestMemory memory, ulong address, ulong length, byte pattern, out bool intact, out GuestMemoryFault fault)
    {
        intact = true;
        if (!memory.TryPin(address, length, AccessType.Read, out PinnedMemory? locked, out fault))
        {
            return false;
        }

        using (locked)
        {
            if (locked.AllowsSpans)
            {
                foreach (ReadOnlyMemory<byte> piece in locked.ReadOnlyPieces)
                {
                    intact &= !piece.Span.ContainsAnyExcept(pattern);
                }
            }
        }

        return true;
    }
}
