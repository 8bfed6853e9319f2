using Hyperspan.Tests.Backing;

namespace Hyperspan.Tests.Resilience;

/// <summary>What a breakage of the library could do unnoticed, until these tests.</summary>
[Trait("Category", "slow")]
public sealed class FoundByMutationTests
{
    private const ulong Page = 4096;

    [LinuxFact]
    public void Value_across_two_pages_needs_the_bits_of_both()
    {
        var mapping = new SparseBacking(2 * Page);
        mapping.Commit(0, 2 * Page);
        using var memory = new GuestMemory(new MappedBacking(mapping, [0b01]), "ram");
        memory.TryRead(Page - 4, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Restricted, Page);
        memory.TryWrite(Page - 4, 1UL, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Restricted, Page);
    }

    [Fact]
    public void Compare_exchange_by_fallback_that_finds_another_value_returns_it()
    {
        using var memory = new GuestMemory(new FallbackBacking(4096), "ram");
        memory.Write(8, 7u);
        memory.CompareExchange(8, 1u, 2u).ShouldBe(7u);
        memory.Read<uint>(8).ShouldBe(7u);
    }

    [LinuxFact]
    public void Copy_to_higher_addresses_names_the_lowest_of_several_faults()
    {
        ulong unit = SelfProbe.Page;
        var mapping = new SparseBacking(8 * unit);
        mapping.Commit(0, 8 * unit);
        mapping.Decommit(2 * unit, unit);
        mapping.Decommit(5 * unit, unit);
        using var memory = new GuestMemory(mapping, "ram");
        memory.TryCopyTo(0, memory, 8, 7 * unit, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 2 * unit);
    }

    [Fact]
    public void Direct_memory_is_closed_with_its_backing()
    {
        var backing = new HeapBacking(Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram").LeaveBackingsOpen().AddRegion(0, backing).Build();
        memory.Write(0, 7u);
        backing.Dispose();
        memory.TryRead(0, out uint _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Disposed, 0);
        memory.TryWrite(0, new byte[8], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Disposed, 0);
    }
}
