namespace Hyperspan.Tests.Performance;

/// <summary>Sizes far beyond the machine's, and layouts with as many regions as a hypervisor has slots.</summary>
[Trait("Category", "slow")]
public sealed class ScaleTests
{
    [LinuxFact]
    public void A_tebibyte_can_be_reserved_and_touched_here_and_there()
    {
        const ulong Tebibyte = 1UL << 40;
        using var sparse = new SparseBacking(Tebibyte);
        using var memory = new GuestMemory(sparse, "huge");
        ulong[] touched = [0, 1UL << 32, (1UL << 39) + 0x5000, Tebibyte - 4096];
        foreach (ulong page in touched)
        {
            sparse.Commit(page, 4096);
            memory.Write(page + 8, page | 1);
        }

        foreach (ulong page in touched)
        {
            memory.Read<ulong>(page + 8).ShouldBe(page | 1);
        }

        memory.TryRead(1UL << 38, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Unmapped);
        memory.End.ShouldBe(Tebibyte);
    }

    /// <summary>Looking up one of 512 regions takes as many steps as looking up one of two.</summary>
    [Fact]
    public void Five_hundred_regions_are_found_in_one_step()
    {
        var ram = new HeapBacking(512 * 4096);
        var builder = new GuestMemoryBuilder("slots");
        for (int i = 0; i < 512; i++)
        {
            // In reverse order in the backing, so that no two touch on both sides.
            builder.AddRegion((ulong)i << 30, ram, (ulong)(511 - i) * 4096, 4096);
        }

        using GuestMemory memory = builder.Build();
        for (ulong i = 0; i < 512; i++)
        {
            memory.Write((i << 30) + 16, i);
        }

        for (ulong i = 0; i < 512; i++)
        {
            memory.Read<ulong>((i << 30) + 16).ShouldBe(i);
            memory.TryRead((i << 30) + 4096, out ulong _).ShouldBeFalse();
        }

        MemoryRegion[] regions = [.. Enumerable.Range(0, 512).Select(i => MemoryRegion.Create((ulong)i << 30, ram, 0, 4096, Protection.ReadWrite, leaveOpen: false)!)];
        RegionTable table = RegionTable.Build(regions);
        foreach (MemoryRegion region in regions)
        {
            table.SlotOf(region.Start).Region.ShouldBeSameAs(region);
        }
    }
}
