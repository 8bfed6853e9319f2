using System.Runtime.CompilerServices;
using Hyperspan.Guarding;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// An access is the last that refers to its memory, and waits for a page; meanwhile garbage is collected and finalizers run. The memory must stay until the access has
/// ended, and go then. With <c>control</c>, the same by a bare pointer, which keeps nothing: there the memory must go during the access, or the scenario shows nothing.
/// Wants every method compiled with optimization, since without it variables live to the end of their method.
/// </summary>
public sealed unsafe class KeepAliveScenario : IScenario
{
    private const ulong Page = MemoryZoo.Page;
    private const ulong Pages = 4;
    private const byte Pattern = 0x5a;
    private const ulong Wide = Pattern * 0x0101010101010101UL;
    private const int PatienceMilliseconds = 60_000;

    private static bool Gone;

    public string Name => "keep-alive";

    public int Run(string[] arguments)
    {
        string operation = arguments[0];
        Holder holder = Make(out UserFault? faults, out string reason);
        if (faults is null)
        {
            Console.WriteLine(reason);
            return ScenarioExit.Unavailable;
        }

        bool succeeded = false;
        var accessor = new Thread(() => succeeded = Access(holder, operation)) { IsBackground = true };
        accessor.Start();
        int served = 0;
        bool goneEarly = false;
        long end = Environment.TickCount64 + PatienceMilliseconds;
        while (!accessor.Join(0))
        {
            if (Environment.TickCount64 > end)
            {
                Console.WriteLine("the access does not end");
                return ScenarioExit.Failure;
            }

            if (faults.WaitForFault(20) is var page and not null)
            {
                Collect();
                goneEarly |= Volatile.Read(ref Gone);
                served++;
                if (goneEarly)
                {
                    // Nothing else wakes who waits for a page that was unmapped.
                    break;
                }

                faults.Populate(page, Pattern);
            }
        }

        faults.Dispose();
        accessor.Join();
        Collect();
        bool goneLate = Volatile.Read(ref Gone);
        Console.WriteLine($"served={served} succeeded={succeeded} during={goneEarly} after={goneLate}");
        bool expected = operation == "control" ? goneEarly && !succeeded : succeeded && !goneEarly;
        return expected && goneLate && served > 0 ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static Holder Make(out UserFault? faults, out string reason)
    {
        var backing = new MortalBacking();
        faults = UserFault.TryCreate(backing.Mapping, backing.Length, answerBySignal: false, out reason);
        return new Holder { Memory = new GuestMemory(backing, "mortal"), Pointer = (nint)backing.Mapping };
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static bool Access(Holder holder, string operation)
    {
        // From here on this variable is all that refers to the memory, up to its last use.
        GuestMemory memory = holder.Memory!;
        holder.Memory = null;
        switch (operation)
        {
            case "control":
                // SAFETY: the guard recovers where the address is not mapped any more; nothing else is mapped in this process by then.
                GuardedResult result = Guard.Load<ulong>((byte*)holder.Pointer, mayBlock: true);
                return result.Ok && result.Value == Wide;
            case "read":
                return memory.TryRead(8, out ulong value) && value == Wide;
            case "write":
                return memory.TryWrite(16, Wide);
            case "exchange":
                return memory.TryCompareExchange(0, Wide, Wide, out _, out value, out _) && value == Wide;
            case "bytes":
                // Two pages; the second is waited for after the first was read.
                byte[] bytes = new byte[Page + 100];
                return memory.TryRead(50, bytes) && !bytes.AsSpan().ContainsAnyExcept(Pattern);
            case "write-bytes":
                return memory.TryWrite(50, new byte[Page + 100]);
            case "fill":
                return memory.TryFill(100, 1, Page, out _);
            case "copy":
                return memory.TryCopyTo(0, memory, 2 * Page, Page + 300, out _);
            case "probe":
                return memory.TryProbe(0, 2 * Page, AccessType.Write, out _);
            case "lock":
                return memory.TryPin(0, 2 * Page, AccessType.Write, out PinnedMemory? locked, out _) && Unlock(locked);
            default:
                return false;
        }
    }

    private static bool Unlock(PinnedMemory locked)
    {
        locked.Dispose();
        return true;
    }

    private static void Collect()
    {
        // The reservation goes after what refers to it.
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private sealed class Holder
    {
        public GuestMemory? Memory { get; set; }

        public nint Pointer { get; init; }
    }

    /// <summary>Untouched pages, and word of when they are given up.</summary>
    private sealed class MortalBacking : GuestMemoryBacking
    {
        private readonly SparseBacking _mapping = MemoryZoo.Committed(Pages * Page, FaultBehavior.MayBlock);

        ~MortalBacking() => Volatile.Write(ref Gone, true);

        public override ulong Length => _mapping.Length;

        public override byte* Mapping => _mapping.Mapping;

        public override FaultBehavior FaultBehavior => FaultBehavior.MayBlock;

        protected override void Release() => _mapping.Dispose();
    }
}
