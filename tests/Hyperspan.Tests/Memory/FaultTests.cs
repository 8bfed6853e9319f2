using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>What a fault says, and that it says the truth.</summary>
public class FaultTests
{
    private const ulong Page = 4096;

    [Fact]
    public void Messages_name_operation_memory_range_and_first_failing_address()
    {
        var mapping = new SparseBacking(4 * Page);
        mapping.Commit(0, Page);
        using GuestMemory memory = new(mapping, "ram");
        GuestMemoryException e = Should.Throw<GuestMemoryException>(() => memory.Read(Page - 4, new byte[8]));
        e.Message.ShouldStartWith("guest memory 'ram': read error: failed to access 0xffc-0x1004 at 0x1000");
        e.Message.ShouldEndWith("page not mapped (SIGSEGV) in backing 'sparse'");
        Should.Throw<GuestMemoryException>(() => memory.Write(Page, 1u)).Message
            .ShouldStartWith("guest memory 'ram': write error: failed to access 0x1000-0x1004: page not mapped");
        Should.Throw<GuestMemoryException>(() => memory.Fill(0, 1, 2 * Page)).Message
            .ShouldStartWith("guest memory 'ram': fill error: failed to access 0x0-0x2000 at 0x1000");
        Should.Throw<GuestMemoryException>(() => memory.CompareExchange(2 * Page, 1, 2)).Message
            .ShouldStartWith("guest memory 'ram': compare exchange error: failed to access 0x2000-0x2004");
        Should.Throw<GuestMemoryException>(() => memory.Slice(Page, 4 * Page)).Message
            .ShouldBe("guest memory 'ram': slice error: failed to access 0x1000-0x5000 at 0x4000: no memory at address");
        Should.Throw<GuestMemoryException>(() => memory.PinPages([3], AccessType.Read)).Message
            .ShouldStartWith("guest memory 'ram': pin error: failed to access memory at 0x3000: page not mapped");
        memory.TryProbePages([0, 1], AccessType.Read, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ToString().ShouldStartWith("guest memory 'ram': probe error: failed to access memory at 0x1000");
        default(GuestMemoryFault).ToString().ShouldBe("no fault");
        default(GuestMemoryFault).IsFault.ShouldBeFalse();
        default(GuestMemoryFault).ThrowIfFault();
    }

    [Fact]
    public void The_lowest_inaccessible_byte_is_reported_wherever_the_hole_is()
    {
        // Copies touch their ends first; the report must be of the lowest page all the same.
        var mapping = new SparseBacking(8 * Page);
        mapping.Commit(0, 2 * Page);
        mapping.Commit(4 * Page, Page);
        using GuestMemory memory = new(mapping, "ram");
        foreach (int length in new[] { 3, 8, 17, 33, 64, 65, 200, 300, 4096, 5000, 9000, 20000 })
        {
            for (ulong start = (2 * Page) - 70; start < 2 * Page; start += 7)
            {
                bool reaches = start + (ulong)length > 2 * Page;
                memory.TryRead(start, new byte[length], out GuestMemoryFault fault).ShouldBe(!reaches);
                memory.TryWrite(start, new byte[length], out GuestMemoryFault written).ShouldBe(!reaches);
                memory.TryFill(start, 1, (ulong)length, out GuestMemoryFault filled).ShouldBe(!reaches);
                if (reaches)
                {
                    fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 2 * Page);
                    written.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 2 * Page);
                    filled.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 2 * Page);
                }
            }

            memory.ReadBytesFault((2 * Page) + 5, length).ShouldBeFault(GuestMemoryFaultKind.Unmapped, (2 * Page) + 5);
        }
    }

    [Fact]
    public void A_truncated_file_is_a_bus_error_at_the_first_byte_that_is_gone()
    {
        using var temporary = new TemporaryFile(0);
        File.WriteAllBytes(temporary.Path, Pattern(16 * 4096));
        using GuestMemory memory = new(new FileBacking(temporary.Path), "disk");
        memory.Read(0, 16 * 4096).ShouldBe(Pattern(16 * 4096));
        using (var file = new FileStream(temporary.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(5 * 4096);
        }

        GuestMemoryFault fault = memory.ReadBytesFault(100, 10 * 4096);
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 5 * Page);
        fault.Cause.ShouldBe(FaultCause.BusError);
        fault.ToString().ShouldContain("SIGBUS");
        memory.TryRead(5 * Page, out ulong _, out fault).ShouldBeFalse();
        fault.Cause.ShouldBe(FaultCause.BusError);
        memory.TryRead((5 * Page) - 4, out ulong _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 5 * Page);
        memory.TryCompareExchange(6 * Page, 1, 2, out _, out _, out fault).ShouldBeFalse();
        memory.Read<byte>((5 * Page) - 1).ShouldBe(Pattern(16 * 4096)[(5 * 4096) - 1]);
    }

    [Fact]
    public void Decommitted_protected_and_unmapped_pages_fault_and_come_back()
    {
        var mapping = new SparseBacking(4 * Page);
        mapping.Commit(0, 4 * Page);
        using GuestMemory memory = new(mapping, "ram");
        memory.Write(Page, 7u);
        mapping.Decommit(Page, Page);
        memory.TryRead(Page, out uint _).ShouldBeFalse();
        mapping.Commit(Page, Page);
        memory.Read<uint>(Page).ShouldBe(0u);

        memory.Write(2 * Page, 9u);
        mapping.Protect(2 * Page, Page, Protection.Read);
        memory.Read<uint>(2 * Page).ShouldBe(9u);
        memory.TryWrite(2 * Page, 1u, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, 2 * Page);
        memory.TryWrite((2 * Page) - 100, new byte[200], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, 2 * Page);
        mapping.Protect(2 * Page, Page, Protection.None);
        memory.TryRead(2 * Page, out uint _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 2 * Page);
        mapping.Protect(2 * Page, Page, Protection.ReadWrite);
        memory.Read<uint>(2 * Page).ShouldBe(9u);

        mapping.Unmap(0, Page);
        memory.TryRead(0, out byte _).ShouldBeFalse();
    }

    [Fact]
    public void Writes_to_read_only_regions_and_backings_are_refused()
    {
        using GuestMemory memory = new GuestMemoryBuilder("rom").AddRegion(0, new HeapBacking(Pattern(4096)), protection: Protection.Read).Build();
        memory.Read(0, 4096).ShouldBe(Pattern(4096));
        memory.TryWrite(8, 1UL, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, 8);
        memory.TryWrite(8, new byte[100], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, 8);
        memory.TryFill(8, 0, 100, out fault).ShouldBeFalse();
        memory.TryCompareExchange(8, 1UL, 2UL, out _, out _, out fault).ShouldBeFalse();
        memory.TryProbeWritable(0, out fault).ShouldBeFalse();
        memory.TryPin(0, 100, AccessType.Write, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.ReadOnly);
        memory.Read(0, 4096).ShouldBe(Pattern(4096));
    }

    [Fact]
    public void A_failed_write_keeps_what_is_below_the_fault()
    {
        var mapping = new SparseBacking(4 * Page);
        mapping.Commit(0, Page);
        mapping.Commit(2 * Page, Page);
        using GuestMemory memory = new(mapping, "ram");
        byte[] data = Pattern(3 * 4096);
        memory.TryWrite(0, data, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page);
        memory.Read(0, 4096).ShouldBe(data.AsSpan(0, 4096).ToArray());
    }

    [Fact]
    public void Exceptions_of_a_handler_become_the_cause()
    {
        var thrown = new InvalidOperationException("handler broke");
        using GuestMemory memory = new(new HandlerBacking((in PageFault _) => throw thrown), "ram");
        memory.TryRead(0, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Other, 0);
        fault.Cause.ShouldBe(FaultCause.Exception);
        fault.Exception.ShouldBeSameAs(thrown);
        GuestMemoryException e = Should.Throw<GuestMemoryException>(() => memory.Read<byte>(0));
        e.InnerException.ShouldBeSameAs(thrown);
        e.Message.ShouldEndWith("handler broke");
    }

    [Fact]
    public void Endless_retry_ends_in_a_fault()
    {
        int calls = 0;
        using GuestMemory memory = new(new HandlerBacking((in PageFault _) =>
        {
            calls++;
            return PageFaultAction.Retry;
        }), "ram");
        memory.TryRead(5, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.RetryLimit, 5);
        calls.ShouldBeInRange(10, 10_000);
        memory.TryRead((Page * 2) - 4, out ulong _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.RetryLimit);
        memory.TryWrite(5, new byte[9000], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.RetryLimit, 5);
    }

    [Fact]
    public void Handlers_see_what_failed_and_may_take_over_by_fallback()
    {
        var seen = new List<PageFault>();
        using GuestMemory memory = new(new HandlerBacking((in PageFault fault) =>
        {
            seen.Add(fault);
            return PageFaultAction.Fallback;
        }), "ram");
        var backing = (HandlerBacking)null!;
        memory.Write(Page - 2, [1, 2, 3, 4]);
        memory.Read(Page - 2, 4).ShouldBe([1, 2, 3, 4]);
        memory.Write(Page - 4, 0x0102_0304_0506_0708UL);
        memory.Read<ulong>(Page - 4).ShouldBe(0x0102_0304_0506_0708UL);
        backing.ShouldBeNull();
        seen[0].ShouldBe(new PageFault(Page - 2, 4, AccessType.Write, bitmapFailure: false, FaultCause.SegmentationFault));
        seen[1].IsWrite.ShouldBeFalse();
    }

    [Fact]
    public void Pages_that_appear_on_first_touch_are_served_to_large_transfers()
    {
        HandlerBacking? backing = null;
        int faults = 0;
        backing = new HandlerBacking((in PageFault fault) =>
        {
            faults++;
            backing!.Sparse.Commit(fault.Offset & ~(Page - 1), Page);
            return PageFaultAction.Retry;
        });
        using GuestMemory memory = new(backing, "ram");
        byte[] data = Pattern(10 * 4096);
        memory.Write(123, data);
        memory.Read(123, data.Length).ShouldBe(data);
        faults.ShouldBe(11);
        using GuestMemory other = GuestMemory.Allocate(16 * Page);
        memory.CopyTo(123, other, 5, (ulong)data.Length);
        other.Read(5, data.Length).ShouldBe(data);
        other.CopyTo(5, memory, 20 * Page, (ulong)data.Length);
        memory.Read(20 * Page, data.Length).ShouldBe(data);
        faults.ShouldBe(21);
    }

    [Fact]
    public void Fallback_failures_keep_kind_and_address()
    {
        var device = new FallbackBacking(4096) { Hole = 100 };
        using GuestMemory memory = new GuestMemoryBuilder("io").AddRegion(0x10000, device).Build();
        memory.TryRead(0x10000 + 90, new byte[20], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.VtlProtected, 0x10000 + 100);
        fault.Cause.ShouldBe(FaultCause.Backing);
        fault.BackingName.ShouldBe("device");
        memory.TryWrite(0x10000 + 98, 1u, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.VtlProtected, 0x10000 + 100);
        memory.TryFill(0x10000, 1, 4096, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.VtlProtected, 0x10000 + 100);
    }

    [Fact]
    public void Backings_without_fallbacks_say_so()
    {
        using GuestMemory memory = new(new UnmappedBacking(), "none");
        memory.TryRead(4, out uint _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NoFallback, 4);
        memory.TryWrite(4, 1u, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NoFallback, 4);
        memory.TryFill(4, 1, 1, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NoFallback, 4);
        memory.TryCompareExchange(4, 1u, 1u, out _, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NoFallback, 4);
        memory.TryPinPages([0], AccessType.Read, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.NotPinnable, 0);
    }

    [Fact]
    public void Copy_faults_name_the_side_that_failed()
    {
        var holes = new SparseBacking(4 * Page);
        holes.Commit(0, Page);
        using GuestMemory source = new(holes, "source");
        using GuestMemory target = GuestMemory.Allocate(4 * Page);
        source.TryCopyTo(0, target, 16, 2 * Page, out GuestMemoryFault fault).ShouldBeFalse();
        fault.MemoryName.ShouldBe("source");
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page);
        fault.Start.ShouldBe(new GuestAddress(0));
        fault.Length.ShouldBe(2 * Page);
        target.TryCopyTo(0, source, 8, 2 * Page, out fault).ShouldBeFalse();
        fault.MemoryName.ShouldBe("source");
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page);
        fault.Operation.ShouldBe(GuestMemoryOperation.Copy);
        fault.Start.ShouldBe(new GuestAddress(8));

        // Going down because of an overlap, the lowest failing address is reported all the same.
        holes.Commit(2 * Page, Page);
        source.TryCopyTo(0, source, 8, 4 * Page - 8, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, Page);
    }

    private delegate PageFaultAction Handler(in PageFault fault);

    /// <summary>Nothing is mapped at first; faults go to the test, fallbacks to an array.</summary>
    private sealed class HandlerBacking(Handler handler) : MappedBacking(new SparseBacking(64 * Page))
    {
        private readonly byte[] _bytes = new byte[64 * Page];

        protected internal override PageFaultAction OnPageFault(in PageFault fault) => handler(fault);

        protected internal override BackingResult ReadFallback(ulong offset, Span<byte> destination)
        {
            _bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
            return BackingResult.Success;
        }

        protected internal override BackingResult WriteFallback(ulong offset, ReadOnlySpan<byte> source)
        {
            source.CopyTo(_bytes.AsSpan((int)offset));
            return BackingResult.Success;
        }
    }

    private sealed class UnmappedBacking : GuestMemoryBacking
    {
        public override ulong Length => Page;
    }
}
