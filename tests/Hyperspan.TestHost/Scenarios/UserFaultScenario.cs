using System.Globalization;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Memory whose faults are served by this very process. <c>block</c>: a thread serves them, and collects garbage before each page, so that an
/// access that kept the collector waiting would wait forever. <c>signal</c>: the kernel answers by SIGBUS and the page-fault handler populates.
/// The second argument is the number of pages.
/// </summary>
public sealed unsafe class UserFaultScenario : IScenario
{
    // The system's: what comes and goes comes and goes by those.
    private static readonly ulong Page = (ulong)Environment.SystemPageSize;
    private const byte Pattern = 0x5a;
    private const int Operations = 9;

    public string Name => "user-fault";

    public int Run(string[] arguments)
    {
        bool signal = arguments[0] == "signal";
        ulong pages = ulong.Parse(arguments[1], CultureInfo.InvariantCulture);
        using var backing = new PopulatingBacking(pages * Page, signal ? FaultBehavior.MayFault : FaultBehavior.MayBlock);
        using UserFault? faults = UserFault.TryCreate(backing.Mapping, backing.Length, signal, out string reason);
        if (faults is null)
        {
            Console.WriteLine(reason);
            return ScenarioExit.Unavailable;
        }

        backing.Faults = signal ? faults : null;
        using GuestMemory memory = new GuestMemoryBuilder("lazy").LeaveBackingsOpen().AddRegion(0, backing).Build();
        var crew = new StormCrew();
        var served = new long[1];
        if (!signal)
        {
            crew.Repeat("pager", () =>
            {
                if (faults.WaitForFault(20) is var page and not null)
                {
                    // All threads must stop for this, those that wait for the page too.
                    GC.Collect();
                    if (!faults.Populate(page, Pattern))
                    {
                        crew.Fail("a page cannot be put in place");
                    }

                    served[0]++;
                }
            });
        }

        var accessors = new Thread[2];
        for (int i = 0; i < accessors.Length; i++)
        {
            int first = i;
            accessors[i] = new Thread(() =>
            {
                for (ulong page = (ulong)first; page + 1 < pages && !crew.IsOver; page += (ulong)accessors.Length)
                {
                    Touch(crew, memory, page, (int)(page / 2 % Operations));
                }
            });
            accessors[i].Start();
        }

        Array.ForEach(accessors, thread => thread.Join());
        string? failure = crew.Finish();
        Console.WriteLine($"served={served[0]} populated={backing.Populated}");
        if (failure is null && (signal ? backing.Populated : served[0]) < (long)pages / 4)
        {
            failure = "hardly any fault was served";
        }

        Console.Write(failure);
        return failure is null ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private static void Touch(StormCrew crew, GuestMemory memory, ulong page, int operation)
    {
        ulong address = page * Page;
        const ulong Wide = Pattern * 0x0101010101010101UL;
        byte[] bytes = new byte[3000];
        bool succeeded;
        GuestMemoryFault fault;
        switch (operation)
        {
            case 0:
                succeeded = memory.TryRead(address + 8, out ulong value, out fault) && value == Wide;
                break;
            case 1:
                succeeded = memory.TryRead(address, bytes, out fault) && !bytes.AsSpan().ContainsAnyExcept(Pattern);
                break;
            case 2:
                succeeded = memory.TryWrite(address + 16, Wide, out fault);
                break;
            case 3:
                Array.Fill(bytes, Pattern);
                succeeded = memory.TryWrite(address, bytes, out fault);
                break;
            case 4:
                succeeded = memory.TryFill(address, Pattern, 100, out fault);
                break;
            case 5:
                succeeded = memory.TryCompareExchange(address, Wide, Wide, out _, out value, out fault) && value == Wide;
                break;
            case 6:
                succeeded = memory.TryCopyTo(address, memory, address + 2048, 600, out fault);
                break;
            case 7:
                succeeded = memory.TryProbe(address, Page, AccessType.Write, out fault);
                break;
            default:
                succeeded = memory.TryPin(address, Page, AccessType.Write, out PinnedMemory? locked, out fault);
                locked?.Dispose();
                break;
        }

        if (!succeeded || !memory.TryRead(address + 100, out ulong there, out fault) || there != Wide)
        {
            crew.Fail($"operation {operation} on page {page}: {fault}");
        }
    }

    /// <summary>Committed but untouched pages; with <see cref="Faults"/>, the handler populates what is missing.</summary>
    private sealed class PopulatingBacking(ulong length, FaultBehavior behavior) : GuestMemoryBacking
    {
        private readonly SparseBacking _mapping = MemoryZoo.Committed(length, behavior);
        private long _populated;

        public UserFault? Faults { get; set; }

        public long Populated => Volatile.Read(ref _populated);

        public override ulong Length => _mapping.Length;

        public override byte* Mapping => _mapping.Mapping;

        public override FaultBehavior FaultBehavior => _mapping.FaultBehavior;

        protected internal override PageFaultAction OnPageFault(in PageFault fault)
        {
            if (Faults is null || !Faults.Populate(Mapping + (fault.Offset & ~(Page - 1)), Pattern))
            {
                return PageFaultAction.Fail(GuestMemoryFaultKind.Unmapped);
            }

            Interlocked.Increment(ref _populated);
            return PageFaultAction.Retry;
        }

        protected override void Release() => _mapping.Dispose();
    }
}
