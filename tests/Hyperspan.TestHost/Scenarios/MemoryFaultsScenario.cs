using System.Globalization;
using Hyperspan.TestHost.Storms;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Accesses through <see cref="GuestMemory"/> to memory that was unmapped, protected, decommitted or lies behind a truncated file, from
/// several threads, while garbage is collected constantly and NullReferenceExceptions are caught elsewhere. Every fault must name the
/// exact byte. Argument: the number of accesses.
/// </summary>
public sealed unsafe class MemoryFaultsScenario : IScenario
{
    private const int Threads = 4;
    private const int AtLeast = 20;

    private static readonly ulong Page = MemoryZoo.HostPage;

    public string Name => "memory-faults";

    public int Run(string[] arguments)
    {
        int accesses = int.Parse(arguments[0], CultureInfo.InvariantCulture);

        // The first exceptions make the runtime load what it keeps.
        Storm(new StormCrew(), 100 * Threads);
        var crew = new StormCrew();
        ProcessResources before = ProcessResources.Count();
        Storm(crew, accesses);
        string? failure = crew.Failure ?? ProcessResources.Count().LeakedSince(before, 256 << 20);
        Console.WriteLine($"accesses={accesses} collections={crew.Collections} nulls={crew.Nulls}");
        Console.Write(failure);
        return failure is null ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private static void Storm(StormCrew crew, int accesses)
    {
        // Good and bad pages in turn: each bad one lies between two that can be accessed.
        using SafeFileHandle file = MemoryZoo.MemoryFile(2 * Page);
        FileBacking truncated = new FileBacking(file, FileAccess.ReadWrite);
        SparseBacking mapping = MemoryZoo.Committed(8 * Page);
        mapping.Unmap(Page, Page);
        mapping.Protect(3 * Page, Page, Protection.None);
        mapping.Decommit(5 * Page, Page);
        mapping.Protect(7 * Page, Page, Protection.Read);
        _ = Interop.Linux.LibC.Ftruncate(file, (long)Page);
        using GuestMemory memory = new GuestMemoryBuilder("faulty").AddRegion(0, mapping).AddRegion(8 * Page, truncated).Build();
        crew.StartCollector();
        crew.StartNullCatcher();
        using var done = new CountdownEvent(Threads);
        for (int i = 0; i < Threads; i++)
        {
            int seed = i;
            crew.Start("access", () =>
            {
                Access(crew, memory, seed, accesses / Threads);
                done.Signal();
            });
        }

        while ((!done.IsSet || crew.Collections < AtLeast || crew.Nulls < AtLeast) && !crew.IsOver)
        {
            Thread.Sleep(1);
        }

        crew.Finish();
    }

    private static void Access(StormCrew crew, GuestMemory memory, int seed, int count)
    {
        var random = new Random(seed);
        byte[] buffer = new byte[600];
        for (int i = 0; i < count && !crew.IsOver; i++)
        {
            // Allocated here, so that a collection finds something to move on this stack.
            int[] witness = [i, i + 1];
            ulong bad = Page * (ulong)((2 * random.Next(5)) + 1);
            bool readOnly = bad == 7 * Page;
            ulong below = (ulong)random.Next(300);
            ulong length = below + 1 + (ulong)random.Next(299);
            ulong start = bad - below;
            bool read = !readOnly && random.Next(2) == 0;
            int operation = read ? random.Next(4) : 4 + random.Next(5);
            ulong expected = bad;
            GuestMemoryFault fault;
            bool succeeded;
            fixed (byte* pointer = buffer)
            {
                switch (operation)
                {
                    case 0:
                        succeeded = memory.TryRead(start, buffer.AsSpan(0, (int)length), out fault);
                        break;
                    case 1:
                        expected = bad + below;
                        succeeded = memory.TryRead(expected, out ulong _, out fault);
                        break;
                    case 2:
                        succeeded = memory.TryRead(start, pointer, length, out fault);
                        break;
                    case 3:
                        succeeded = memory.TryProbe(start, length, AccessType.Read, out fault);
                        break;
                    case 4:
                        succeeded = memory.TryWrite(start, buffer.AsSpan(0, (int)length), out fault);
                        break;
                    case 5:
                        expected = bad + below;
                        succeeded = memory.TryWrite(expected, 0UL, out fault);
                        break;
                    case 6:
                        succeeded = memory.TryFill(start, 0, length, out fault);
                        break;
                    case 7:
                        expected = bad + (below & ~7UL);
                        succeeded = memory.TryCompareExchange(expected, 0UL, 0UL, out _, out ulong _, out fault);
                        break;
                    default:
                        succeeded = memory.TryCopyTo(0, memory, start, length, out fault);
                        break;
                }
            }

            GuestMemoryFaultKind kind = readOnly ? GuestMemoryFaultKind.ReadOnly : GuestMemoryFaultKind.Unmapped;
            FaultCause cause = bad == 9 * Page ? FaultCause.BusError : FaultCause.SegmentationFault;
            if (succeeded || fault.Kind != kind || fault.Address?.Value != expected || (fault.Cause != cause && Guarding.Guard.UsesMachineCode))
            {
                crew.Fail($"operation {operation} at 0x{start:x} with 0x{length:x} bytes: {fault}, but 0x{expected:x}, {kind}, {cause} is expected");
            }

            if (witness[0] != i || witness[1] != i + 1)
            {
                crew.Fail("the collector lost an object");
            }

            if (!memory.TryRead(bad - Page, out ulong _, out fault))
            {
                crew.Fail($"good memory: {fault}");
            }
        }
    }
}
