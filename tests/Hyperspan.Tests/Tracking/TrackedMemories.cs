namespace Hyperspan.Tests.Tracking;

/// <summary>Memories of 16 pages whose every page can be written, one for each path that a write can take.</summary>
internal static class TrackedMemories
{
    internal const ulong Page = GuestAddress.PageSize;
    internal const ulong Length = 16 * Page;

    internal static IReadOnlyList<string> Kinds { get; } =
        ["heap", "shared", "guarded", "blocking", "restricted", "restricted guarded", "fallback", "regions", "second region", "slice", "made by the backing"];

    /// <summary>Makes a memory. The first is what is written through, and its address zero is the given address in the second, whose log is looked at.</summary>
    internal static (GuestMemory Memory, GuestMemory Root, ulong Start) Make(string kind)
    {
        GuestMemory root;
        switch (kind)
        {
            case "heap":
                return Whole(GuestMemory.Allocate(Length));
            case "shared":
                return Whole(new GuestMemory(new SharedBacking(Length), kind));
            case "guarded":
                return Whole(new GuestMemory(Committed(FaultBehavior.MayFault), kind));
            case "blocking":
                return Whole(new GuestMemory(Committed(FaultBehavior.MayBlock), kind));
            case "restricted":
                return Whole(new GuestMemory(new HeapBacking(Length) { AccessBitmaps = new AccessBitmaps(Length) }, kind));
            case "restricted guarded":
                return Whole(new GuestMemory(Committed(FaultBehavior.MayFault, new AccessBitmaps(Length)), kind));
            case "fallback":
                return Whole(new GuestMemory(new FallbackBacking((int)Length), kind));
            case "regions":
                // Regions that touch, of several kinds; the second shows the heap from its second page on.
                return Whole(new GuestMemoryBuilder(kind)
                    .AddRegion(0, Committed(FaultBehavior.MayFault), backingOffset: 0, length: 3 * Page)
                    .AddRegion(3 * Page, new HeapBacking(Length), backingOffset: Page, length: 5 * Page)
                    .AddRegion(8 * Page, new SharedBacking(8 * Page))
                    .Build());
            case "second region":
                root = new GuestMemoryBuilder(kind).AddRegion(0, new HeapBacking(Page)).AddRegion(0x10_0000, new HeapBacking(Length)).Build();
                return (root.Slice(0x10_0000, Length), root, 0x10_0000);
            case "slice":
                root = new GuestMemory(new HeapBacking(Length + (4 * Page)), kind);
                return (root.Slice(Page, Length + Page).Slice(0x238, Length), root, Page + 0x238);
            case "made by the backing":
                root = new GuestMemory(new CopyingBacking(new HeapBacking(Length + Page)), kind);
                return (root.Slice(Page, Length), root, Page);
            default:
                throw new ArgumentException("unknown kind " + kind, nameof(kind));
        }

        static (GuestMemory, GuestMemory, ulong) Whole(GuestMemory memory) => (memory, memory, 0);
    }

    private static SparseBacking Committed(FaultBehavior behavior, AccessBitmaps? bitmaps = null)
    {
        var mapping = new SparseBacking(Length, new SparseBackingOptions { FaultBehavior = behavior }) { AccessBitmaps = bitmaps };
        mapping.Commit(0, Length);
        return mapping;
    }
}
