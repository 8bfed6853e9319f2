namespace Hyperspan.Virtio.Tests;

public class VirtQueueLayoutTests
{
    private const ulong MemorySize = 0x10000;

    [Theory]
    [InlineData(1, 16, 8, 14)]
    [InlineData(256, 4096, 518, 2054)]
    [InlineData(32768, 524288, 65542, 262150)]
    public void Lengths_are_those_of_the_specification(ushort size, ulong table, ulong available, ulong used)
    {
        VirtQueueLayout.DescriptorTableLength(size).ShouldBe(table);
        VirtQueueLayout.AvailableRingLength(size).ShouldBe(available);
        VirtQueueLayout.UsedRingLength(size).ShouldBe(used);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(12)]
    [InlineData(32769)]
    [InlineData(65535)]
    public void Size_is_a_power_of_two(ushort size) => Refused(new VirtQueueLayout(size, 0, 0x1000, 0x2000), VirtQueueErrorKind.InvalidSize);

    [Theory]
    [InlineData(8, 0x1000, 0x2000)]
    [InlineData(0, 0x1001, 0x2000)]
    [InlineData(0, 0x1000, 0x2002)]
    public void Rings_are_aligned(ulong table, ulong available, ulong used) =>
        Refused(new VirtQueueLayout(8, table, available, used), VirtQueueErrorKind.MisalignedRing);

    [Theory]
    [InlineData(MemorySize, 0x1000, 0x2000)] // past the end
    [InlineData(0, MemorySize + 0x1000, 0x2000)]
    [InlineData(0, 0x1000, 0xFFFF_FFFF_FFFF_FFFC)] // past 2^64
    [InlineData(0xFFFF_FFFF_FFFF_FFF0, 0x1000, 0x2000)]
    [InlineData(MemorySize - 112, 0x1000, 0x2000)] // over the end, by one descriptor
    [InlineData(0, MemorySize - 20, 0x2000)] // by used_event
    [InlineData(0, 0x1000, MemorySize - 68)] // by avail_event
    public void Rings_lie_in_memory(ulong table, ulong available, ulong used) =>
        Refused(new VirtQueueLayout(8, table, available, used), VirtQueueErrorKind.RingOutsideMemory);

    [Fact]
    public void Rings_may_reach_the_last_byte()
    {
        using GuestMemory memory = GuestMemory.Allocate(MemorySize);
        new VirtQueueLayout(8, MemorySize - 128, 0x1000, 0x2000).TryValidate(memory, out VirtQueueError error).ShouldBeTrue(error.ToString());
        new VirtQueueLayout(8, 0, MemorySize - 22, 0x2000).TryValidate(memory, out error).ShouldBeTrue(error.ToString());
        new VirtQueueLayout(8, 0, 0x1000, MemorySize - 72).TryValidate(memory, out error).ShouldBeTrue(error.ToString());
    }

    [Fact]
    public void Gaps_and_read_only_memory_are_no_place_for_rings()
    {
        using GuestMemory memory = new GuestMemoryBuilder("test")
            .AddRegion(0, new HeapBacking(0x1000))
            .AddRegion(0x2000, new HeapBacking(0x1000), protection: new Protection(read: true, write: false, execute: false))
            .Build();
        new VirtQueueLayout(8, 0xFC0, 0, 0x100).TryValidate(memory, out VirtQueueError error).ShouldBeFalse();
        error.Kind.ShouldBe(VirtQueueErrorKind.RingOutsideMemory);
        error.Fault.Address.ShouldBe(new GuestAddress(0x1000));

        // The device only reads the other two.
        new VirtQueueLayout(8, 0x2000, 0x2100, 0x100).TryValidate(memory, out error).ShouldBeTrue(error.ToString());
        new VirtQueueLayout(8, 0, 0x100, 0x2000).TryValidate(memory, out error).ShouldBeFalse();
        error.Kind.ShouldBe(VirtQueueErrorKind.RingOutsideMemory);
        error.Fault.Kind.ShouldBe(GuestMemoryFaultKind.ReadOnly);
    }

    private static void Refused(VirtQueueLayout layout, VirtQueueErrorKind kind)
    {
        using GuestMemory memory = GuestMemory.Allocate(MemorySize);
        layout.TryValidate(memory, out VirtQueueError error).ShouldBeFalse();
        error.Kind.ShouldBe(kind, error.ToString());
        Should.Throw<ArgumentException>(() => new VirtQueue(memory, layout)).Message.ShouldContain(error.Text);
    }
}
