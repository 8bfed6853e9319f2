namespace Hyperspan.Tests;

/// <summary>Views: offsets of their own, bounds that hold, faults by the addresses of the memory, and no allocation.</summary>
public class ViewTests
{
    private const ulong Page = 4096;

    [Theory]
    [InlineData(0UL)]
    [InlineData(Page)]
    [InlineData(4001UL)]
    public void Offsets_are_relative_and_bounds_hold(ulong start)
    {
        using GuestMemory memory = GuestMemory.Allocate(4 * Page);
        GuestMemoryView view = memory.View(start, 100);
        view.Write(8, 0x1122_3344_5566_7788UL);
        memory.Read<ulong>(start + 8).ShouldBe(0x1122_3344_5566_7788UL);
        view.Read<uint>(10).ShouldBe(memory.Read<uint>(start + 10));
        view.TryRead(99, out byte last).ShouldBeTrue();
        last.ShouldBe((byte)0);

        view.TryRead(99, out ushort _).ShouldBeFalse();
        view.TryRead(93, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, start + 100);
        fault.Start.Value.ShouldBe(start + 93);
        view.TryWrite(100, (byte)1).ShouldBeFalse();
        view.TryWrite(1000, (byte)1, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, start + 1000);
        view.TryRead(ulong.MaxValue, out byte _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        view.TryWrite(ulong.MaxValue - 3, 1UL).ShouldBeFalse();
        memory.Read<byte>(start + 100).ShouldBe((byte)0);
        Should.Throw<GuestMemoryException>(() => view.Read<ulong>(93)).Fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        Should.Throw<GuestMemoryException>(() => view.Write(93, 1UL)).Fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
    }

    [Fact]
    public void Bytes_are_bounded_as_well()
    {
        using GuestMemory memory = GuestMemory.Allocate(4 * Page);
        GuestMemoryView view = memory.View(new GuestRange(16, 64));
        view.Write(60, [1, 2, 3, 4]);
        byte[] bytes = new byte[4];
        view.Read(60, bytes);
        bytes.ShouldBe([1, 2, 3, 4]);
        view.TryWrite(61, bytes, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 80);
        view.TryRead(61, bytes, out fault).ShouldBeFalse();
        view.TryRead(64, [], out fault).ShouldBeTrue();
        memory.Read<byte>(80).ShouldBe((byte)0);
        Should.Throw<GuestMemoryException>(() => view.Read(61, bytes));
        Should.Throw<GuestMemoryException>(() => view.Write(61, bytes));

        GuestMemoryView part = view.Slice(60, 4);
        part.Read<byte>(3).ShouldBe((byte)4);
        part.Start.Value.ShouldBe(76UL);
        Should.Throw<ArgumentOutOfRangeException>(() => view.Slice(61, 4));
        Should.Throw<ArgumentOutOfRangeException>(() => view.Slice(65, 0));
        part.ToString().ShouldBe("heap 0x4c-0x50");
    }

    [Theory]
    [InlineData(100UL)]
    [InlineData(101UL)]
    [InlineData(ulong.MaxValue)]
    public void An_access_of_no_bytes_succeeds_at_any_offset(ulong offset)
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        GuestMemoryView view = memory.View(0, 100);
        view.TryRead(offset, Span<byte>.Empty, out GuestMemoryFault fault).ShouldBeTrue();
        fault.IsFault.ShouldBeFalse();
        view.TryWrite(offset, ReadOnlySpan<byte>.Empty, out fault).ShouldBeTrue();
        view.Read(offset, Span<byte>.Empty);
        default(GuestMemoryView).TryWrite(offset, ReadOnlySpan<byte>.Empty, out fault).ShouldBeTrue();
    }

    [Fact]
    public void What_is_not_all_memory_has_no_view()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(Page)).AddRegion(2 * Page, new HeapBacking(Page)).Build();
        memory.TryView(0, Page + 1, out GuestMemoryView view, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, Page);
        view.Length.ShouldBe(0UL);
        Should.Throw<GuestMemoryException>(() => memory.View(Page, 1));
        memory.View(2 * Page, Page).Length.ShouldBe(Page);
        memory.TryView(new GuestRange(8, 8), out view, out _).ShouldBeTrue();
        view.Memory.ShouldBe(memory);
    }

    [Fact]
    public void The_default_value_is_empty()
    {
        GuestMemoryView view = default;
        view.TryRead(0, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        view.TryWrite(0, [], out _).ShouldBeTrue();
        view.Memory.ShouldBe(GuestMemory.Empty);
        view.ToString().ShouldBe("empty 0x0-0x0");
    }

    [Fact]
    public void A_view_is_closed_with_its_memory()
    {
        GuestMemory memory = GuestMemory.Allocate(Page);
        GuestMemoryView view = memory.View(0, 64);
        memory.Dispose();
        view.TryRead(0, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        view.TryRead(64, out ulong _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        Should.Throw<GuestMemoryException>(() => memory.View(0, 64)).Fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
    }

    [Fact]
    public void A_view_and_a_read_allocate_nothing()
    {
        using GuestMemory memory = GuestMemory.Allocate(4 * Page);
        ulong sum = 0;
        Allocations.Of(() => sum += memory.View(4096, 4096).Read<ulong>(8)).ShouldBe(0);
        sum.ShouldBe(0UL);
    }
}
