using System.Globalization;
using Hyperspan.TestHost.Storms;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Everything at once: threads map, unmap, protect, decommit and truncate under threads that access, lock and transfer to files, while garbage
/// is collected, exceptions are thrown elsewhere, a profiler's signals arrive and the memory is disposed and replaced at random. Afterwards
/// nothing may have leaked. Argument: seconds.
/// </summary>
public sealed unsafe class MemoryStormScenario : IScenario
{
    private const ulong Page = MemoryZoo.Page;
    private const ulong SparsePages = 4096;
    private const ulong UsedPages = 16;
    private const ulong FilePages = 8;
    private const byte Pattern = 0xc3;
    private const ulong Wide = Pattern * 0x0101010101010101UL;

    private volatile World? _world;
    private long _accesses;
    private long _faults;
    private long _locks;
    private long _changes;
    private long _generations;

    public string Name => "memory-storm";

    public int Run(string[] arguments)
    {
        // The first storm makes the runtime load what it keeps.
        Storm(new StormCrew(), TimeSpan.FromSeconds(0.5));
        ProcessResources before = ProcessResources.Count();
        var crew = new StormCrew();
        Storm(crew, TimeSpan.FromSeconds(double.Parse(arguments[0], CultureInfo.InvariantCulture)));
        string? failure = crew.Failure ?? ProcessResources.Count().LeakedSince(before, 256 << 20);
        Console.WriteLine(
            $"accesses={_accesses} faults={_faults} locks={_locks} changes={_changes} generations={_generations} collections={crew.Collections}");
        if (failure is null && (_accesses == _faults || _faults == 0 || _locks == 0 || _changes == 0))
        {
            failure = "that was no storm";
        }

        Console.Write(failure);
        return failure is null ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private void Storm(StormCrew crew, TimeSpan duration)
    {
        _world = new World();
        crew.StartCollector();
        crew.StartNullCatcher();
        ProfilingTimer.Start();
        for (int i = 0; i < 2; i++)
        {
            Worker(crew, "change", i, Change);
            Worker(crew, "access", 10 + i, (random, world) => Access(crew, random, world));
            Worker(crew, "lock", 20 + i, (random, world) => Lock(crew, random, world));
        }

        var random = new Random(5);
        for (long end = Environment.TickCount64 + (long)duration.TotalMilliseconds; Environment.TickCount64 < end && !crew.IsOver;)
        {
            Thread.Sleep(random.Next(40));
            World old = _world!;
            _world = new World();
            old.Dispose();
            _generations++;
        }

        crew.Finish();
        ProfilingTimer.Stop();
        _world!.Dispose();
        _world = null;
    }

    private void Worker(StormCrew crew, string name, int seed, Action<Random, World> body)
    {
        var random = new Random(seed);
        crew.Repeat(name, () => body(random, _world!));
    }

    private void Change(Random random, World world)
    {
        ulong first = (ulong)random.Next((int)UsedPages);
        ulong offset = first * Page;
        ulong length = (1 + (ulong)random.Next((int)(UsedPages - first))) * Page;
        try
        {
            switch (random.Next(9))
            {
                case 0:
                    world.Sparse.Decommit(offset, length);
                    break;
                case 1:
                    world.Sparse.Unmap(offset, length);
                    break;
                case 2:
                    world.Sparse.MapZero(offset, length);
                    break;
                case 3:
                    world.Sparse.Protect(offset, length, random.Next(2) == 0 ? Protection.Read : Protection.None);
                    break;
                case 4:
                    world.Sparse.MapFile(offset, world.File, 0, Math.Min(length, FilePages * Page), writable: true);
                    break;
                case 5:
                    world.Truncate((ulong)random.Next((int)FilePages + 1));
                    break;
                default:
                    world.Sparse.Commit(offset, length);
                    break;
            }

            Interlocked.Increment(ref _changes);
        }
        catch (InvalidOperationException)
        {
            // A page is locked, is a file's, is not mapped; or the world has ended.
        }
    }

    private void Access(StormCrew crew, Random random, World world)
    {
        GuestMemory memory = world.Memory;
        Span<byte> bytes = stackalloc byte[5000];
        int length = 1 + (random.Next(3) == 0 ? random.Next(5000) : random.Next(40));
        ulong address = (ulong)random.Next((int)(World.Used - 8192));
        Span<byte> some = bytes[..length];
        bool succeeded;
        bool intact = true;
        GuestMemoryFault fault;
        int operation = random.Next(8);
        switch (operation)
        {
            case 0:
                succeeded = memory.TryRead(address, out ulong value, out fault);
                break;
            case 1:
                succeeded = memory.TryRead(address, some, out fault);
                intact = !succeeded || !some.ContainsAnyExcept((byte)0, Pattern);
                break;
            case 2:
                succeeded = memory.TryWrite(address, Wide, out fault);
                break;
            case 3:
                some.Fill(Pattern);
                succeeded = memory.TryWrite(address, some, out fault);
                break;
            case 4:
                succeeded = memory.TryFill(address, (ulong)length, Pattern, out fault);
                break;
            case 5:
                succeeded = memory.TryCompareExchange(address & ~7UL, Wide, 0UL, out value, out fault);
                break;
            case 6:
                succeeded = memory.TryCopyTo(address, memory, (ulong)random.Next((int)(World.Used - 8192)), (ulong)length, out fault);
                break;
            default:
                succeeded = memory.TryProbe(address, (ulong)length, AccessType.Write, out fault);
                break;
        }

        Interlocked.Increment(ref _accesses);
        if (!intact)
        {
            crew.Fail("bytes that were never written");
        }

        if (!succeeded)
        {
            Interlocked.Increment(ref _faults);
            bool inRange = fault.Address is { } at && at.Value - fault.Start.Value < fault.Length;
            if (!inRange || fault.Kind is not (GuestMemoryFaultKind.NotMapped or GuestMemoryFaultKind.ReadOnly or GuestMemoryFaultKind.Disposed))
            {
                crew.Fail($"operation {operation}: {fault.Kind}, {fault.Cause}: {fault}");
            }
        }
    }

    private void Lock(StormCrew crew, Random random, World world)
    {
        ulong address = (ulong)random.Next((int)(World.Used - 20_000));
        ulong length = 1 + (ulong)random.Next(20_000);
        if (random.Next(2) == 0)
        {
            using var vectors = new GuestIoVectors();
            if (vectors.TryAdd(world.Memory, address, length, AccessType.Read, out _))
            {
                _ = vectors.WriteTo(world.Sink, 0);
                Interlocked.Increment(ref _locks);
            }

            return;
        }

        if (!world.Memory.TryLockRange(address, length, AccessType.Read, kernelAccess: false, out LockedMemory? locked, out _))
        {
            return;
        }

        using (locked)
        {
            Interlocked.Increment(ref _locks);

            // A span over what may vanish would end the process: where it is allowed, nothing may vanish.
            for (int i = 0; locked.AllowsSpans && i < locked.Pieces.Count; i++)
            {
                if (locked.Pieces[i].Span.ContainsAnyExcept((byte)0, Pattern))
                {
                    crew.Fail("locked bytes that were never written");
                }
            }
        }
    }

    /// <summary>A memory over pages that come and go, a file that is truncated, and memory that stays.</summary>
    private sealed class World : IDisposable
    {
        public const ulong Used = (UsedPages + FilePages + 4) * Page;

        public World()
        {
            File = MemoryZoo.MemoryFile(FilePages * Page);
            Sink = MemoryZoo.MemoryFile(0);
            Sparse = MemoryZoo.Committed(SparsePages * Page);
            FileMemory file = FileMemory.FromHandle(File, new FileMemoryOptions { Access = FileMemoryAccess.ReadWrite });
            Memory = new GuestMemoryBuilder("storm")
                .Add(0, Sparse, length: UsedPages * Page)
                .Add(UsedPages * Page, file)
                .Add((UsedPages + FilePages) * Page, new HeapMemory(4 * Page))
                .Build();
        }

        public SafeFileHandle File { get; }

        public SafeFileHandle Sink { get; }

        public SparseMapping Sparse { get; }

        public GuestMemory Memory { get; }

        public void Truncate(ulong pages)
        {
            bool added = false;
            try
            {
                File.DangerousAddRef(ref added);
                _ = Interop.Linux.LibC.Ftruncate(File, (long)(pages * Page));
            }
            finally
            {
                if (added)
                {
                    File.DangerousRelease();
                }
            }
        }

        /// <summary>The descriptors stay open a little longer: transfers may be using them.</summary>
        public void Dispose() => Memory.Dispose();
    }
}
