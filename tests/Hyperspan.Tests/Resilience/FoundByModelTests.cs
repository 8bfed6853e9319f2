using Hyperspan.TestHost.Model;
using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests.Resilience;

/// <summary>What the model found, each as the smallest test that shows it.</summary>
[Trait("Category", "slow")]
public sealed class FoundByModelTests
{
    private const ulong Page = 4096;

    private static SparseBacking Committed(ulong pages)
    {
        var mapping = new SparseBacking(pages * Page);
        mapping.Commit(0, pages * Page);
        return mapping;
    }

    [LinuxTheory]
    [InlineData(16)]
    [InlineData(200)]
    [InlineData(5000)]
    public void Write_that_faults_leaves_what_lies_above_alone(int length)
    {
        SparseBacking mapping = Committed(3);
        mapping.Decommit(0, Page);
        using var memory = new GuestMemory(mapping, "ram");
        byte[] bytes = Pattern(length);
        memory.TryWrite(Page - 8, bytes, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page - 8);
        memory.TryFill(Page - 8, 0xff, (ulong)length, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page - 8);
        memory.Read(Page, (int)(2 * Page)).ShouldAllBe(value => value == 0);
    }

    [Fact]
    public void Lock_for_reading_of_memory_that_may_not_be_read_is_not_called_read_only()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(Page), protection: Protection.None).Build();
        memory.TryRead(0, out byte _, out GuestMemoryFault read).ShouldBeFalse();
        memory.TryPin(0, 1, AccessType.Read, out _, out GuestMemoryFault locked).ShouldBeFalse();
        locked.Kind.ShouldBe(read.Kind);
        locked.Kind.ShouldBe(GuestMemoryFaultKind.Restricted);
    }

    [LinuxFact]
    public void Value_across_two_pages_faults_at_the_hole_below_the_restricted_page()
    {
        SparseBacking mapping = Committed(2);
        mapping.Decommit(0, Page);
        using var memory = new GuestMemory(new MappedBacking(mapping, [0b01]), "ram");
        memory.TryRead(Page - 4, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page - 4);
        memory.TryWrite(Page - 4, 1UL, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page - 4);
    }

    [Fact]
    public void Copy_between_memories_of_different_layout_over_one_backing_is_as_if_read_first()
    {
        const int Length = 3 * 4096;
        using var shared = new HeapBacking(4 * Page);
        using var own = new HeapBacking(Page);
        using GuestMemory plain = new GuestMemoryBuilder("plain").LeaveBackingsOpen().AddRegion(0, shared).Build();
        using GuestMemory shifted = new GuestMemoryBuilder("shifted").LeaveBackingsOpen().AddRegion(0, own).AddRegion(Page, shared).Build();
        byte[] bytes = Pattern((int)(5 * Page));
        shifted.Write(0, bytes);
        shifted.CopyTo(Page - 8, plain, 0, Length);
        plain.Read(0, Length).ShouldBe(bytes[((int)Page - 8)..((int)Page - 8 + Length)]);
    }

    [LinuxFact]
    public void Copy_within_a_backing_shown_twice_is_as_if_read_first()
    {
        using GuestMemory memory = TwiceRestricted();
        byte[] bytes = Pattern((int)(4 * Page));
        memory.Write(0, bytes);
        memory.CopyTo(0, memory, (8 * Page) + 8, 3 * Page);
        memory.Read(8, (int)(3 * Page)).ShouldBe(bytes[..(int)(3 * Page)]);
    }

    /// <summary>Found by the long run alone: IsDisposed said so, but values and bytes went straight through.</summary>
    [Fact]
    public void Disposing_a_slice_closes_those_made_from_it()
    {
        using GuestMemory memory = GuestMemory.Allocate(2 * Page);
        GuestMemory outer = memory.Slice(8, Page);
        GuestMemory inner = outer.Slice(8, 256);
        GuestMemory innermost = inner.Slice(0, 128);
        outer.Dispose();
        foreach (GuestMemory closed in (GuestMemory[])[inner, innermost])
        {
            closed.IsDisposed.ShouldBeTrue();
            closed.TryRead(0, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Disposed, 0);
            closed.TryRead(0, new byte[100], out fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Disposed, 0);
            closed.TryWrite(0, 1UL, out fault).ShouldBeFalse();
            closed.TryWrite(0, new byte[100], out fault).ShouldBeFalse();
            closed.TryFill(0, 1, 100, out fault).ShouldBeFalse();
            closed.TryCompareExchange(0, 0UL, 1UL, out _, out _, out fault).ShouldBeFalse();
        }

        memory.Read<ulong>(16).ShouldBe(0UL);
    }

    /// <summary>A copy downward that met read-only memory did not look below a device that cannot be probed.</summary>
    [LinuxFact]
    public void Copy_over_itself_names_the_lowest_fault_behind_a_device_that_cannot_be_probed()
    {
        var copy = new ModelCommand(ModelOperation.Copy, 2, 0xff0, 0x1cbe, 0x1dc6, 4957998);
        Should.NotThrow(() => new ModelScript(
            ModelLayout.Protected, [BackingKind.DeviceWithoutCompareExchange, BackingKind.File, BackingKind.RestrictedSparse], [copy]).Run());
    }

    private static GuestMemory TwiceRestricted()
    {
        var backing = new MappedBacking(Committed(4), [0xff]);
        return new GuestMemoryBuilder("ram").AddRegion(0, backing).AddRegion(8 * Page, backing).Build();
    }
}
