using Hyperspan.Streaming;

namespace Hyperspan.Tests.Streaming;

/// <summary>What happens when a step fails: what is said, and that nothing is consumed.</summary>
public class StreamingFaultTests
{
    private const ulong Page = GuestAddress.PageSize;

    [Fact]
    public void A_failed_read_consumes_nothing()
    {
        using GuestMemory memory = WithHole();
        var range = new RangeReader(memory, new GuestRange(0, 4 * Page));
        FailToRead(ref range);
        range.Address.ShouldBe(new GuestAddress(0x1010));
        var paged = new PagedReader(memory, Paged());
        FailToRead(ref paged);
        var list = new PagedReader(memory, List());
        FailToRead(ref list);
        LimitedReader<PagedReader> limited = new PagedReader(memory, List()).Limit(3 * Page);
        FailToRead(ref limited);

        static void FailToRead<TReader>(ref TReader reader)
            where TReader : struct, IMemoryReader, allows ref struct
        {
            reader.Skip(0x10);
            ulong left = reader.Remaining;
            reader.TryRead(new byte[3 * Page - 0x10], out StreamingFault fault).ShouldBeFalse();
            ShouldFailAtHole(fault, 3 * Page - 0x10, left);
            reader.Remaining.ShouldBe(left);
            reader.TryReadArray(1024, out uint[]? values, out _).ShouldBeTrue();
            values!.ShouldAllBe(v => v == 0x01010101);
        }
    }

    [Fact]
    public void A_failed_typed_read_gives_no_value_and_consumes_nothing()
    {
        using GuestMemory memory = WithHole();
        var range = new RangeReader(memory, new GuestRange(0, 4 * Page));
        FailToRead(ref range);
        var paged = new PagedReader(memory, Paged());
        FailToRead(ref paged);
        var list = new PagedReader(memory, List());
        FailToRead(ref list);

        // Across pages that do not meet, with the first bytes there.
        paged = new PagedReader(memory, new PagedRange([1UL, 2], Page - 4, 8));
        paged.TryRead(out ulong value, out StreamingFault fault).ShouldBeFalse();
        fault.MemoryFault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x2000);
        value.ShouldBe(0UL);
        paged.Remaining.ShouldBe(8UL);

        static void FailToRead<TReader>(ref TReader reader)
            where TReader : struct, IMemoryReader, allows ref struct
        {
            reader.Skip(2 * Page);
            ulong left = reader.Remaining;
            reader.TryRead(out uint value, out StreamingFault fault).ShouldBeFalse();
            ShouldFailAtHole(fault, 4, left);
            value.ShouldBe(0u);
            reader.Remaining.ShouldBe(left);
        }
    }

    [Fact]
    public void A_failed_write_consumes_nothing()
    {
        using GuestMemory memory = WithHole();
        var range = new RangeWriter(memory, new GuestRange(0, 4 * Page));
        FailToWrite(ref range);
        var paged = new PagedWriter(memory, Paged());
        FailToWrite(ref paged);
        var list = new PagedWriter(memory, List());
        FailToWrite(ref list);
        LimitedWriter<PagedWriter> limited = new PagedWriter(memory, Paged()).Limit(3 * Page);
        FailToWrite(ref limited);

        static void FailToWrite<TWriter>(ref TWriter writer)
            where TWriter : struct, IMemoryWriter, allows ref struct
        {
            ulong left = writer.Remaining;
            writer.TryWrite(new byte[3 * Page], out StreamingFault fault).ShouldBeFalse();
            ShouldFailAtHole(fault, 3 * Page, left);
            writer.TryFill(1, 3 * Page, out fault).ShouldBeFalse();
            ShouldFailAtHole(fault, 3 * Page, left);
            writer.Remaining.ShouldBe(left);
            writer.Write(new byte[2 * Page]);
            writer.TryWrite(7, out fault).ShouldBeFalse();
            ShouldFailAtHole(fault, 4, left - (2 * Page));
            writer.Remaining.ShouldBe(left - (2 * Page));
        }
    }

    [Fact]
    public void Messages_say_what_was_asked_for_and_what_was_left()
    {
        MemoryStreamingException e = Should.Throw<MemoryStreamingException>(() =>
        {
            var reader = new SpanMemoryReader(new byte[0x10]);
            reader.Read(new byte[0x20]);
        });
        e.Message.ShouldBe("out of range: 0x20 bytes asked for, 0x10 left");
        e.Kind.ShouldBe(StreamingFaultKind.OutOfRange);
        e.InnerException.ShouldBeNull();

        using GuestMemory memory = WithHole();
        e = Should.Throw<MemoryStreamingException>(() =>
        {
            var reader = new PagedReader(memory, Paged());
            reader.Skip(2 * Page);
            reader.Read<ulong>();
        });
        e.Message.ShouldStartWith("guest memory 'ram': read error: failed to access memory at 0x2000: page not mapped");
        e.InnerException.ShouldBeOfType<GuestMemoryException>().Fault.Address.ShouldBe(new GuestAddress(0x2000));
        default(StreamingFault).ToString().ShouldBe("no fault");
    }

    [Fact]
    public void Every_throwing_form_throws()
    {
        Reading(static (ref SpanMemoryReader r) => r.Read(new byte[9]));
        Reading(static (ref SpanMemoryReader r) => r.Skip(9));
        Reading(static (ref SpanMemoryReader r) => r.Read<Guid>());
        Reading(static (ref SpanMemoryReader r) => r.ReadArray<ulong>(2));
        Reading(static (ref SpanMemoryReader r) => r.Limit(7).Read<ulong>());
        Writing(static (ref SpanMemoryWriter w) => w.Write(new byte[9]));
        Writing(static (ref SpanMemoryWriter w) => w.Write(Guid.Empty));
        Writing(static (ref SpanMemoryWriter w) => w.Fill(1, 9));
        Writing(static (ref SpanMemoryWriter w) => w.Clear(ulong.MaxValue));

        static void Reading(ReadStep step) => Should.Throw<MemoryStreamingException>(() =>
        {
            var reader = new SpanMemoryReader(new byte[8]);
            step(ref reader);
        }).Kind.ShouldBe(StreamingFaultKind.OutOfRange);

        static void Writing(WriteStep step) => Should.Throw<MemoryStreamingException>(() =>
        {
            var writer = new SpanMemoryWriter(new byte[8]);
            step(ref writer);
        }).Kind.ShouldBe(StreamingFaultKind.OutOfRange);
    }

    [Fact]
    public void A_read_only_writer_refuses_everything()
    {
        using GuestMemory memory = WithHole();
        var range = new RangeWriter(memory, new GuestRange(0, 0x20), isReadOnly: true);
        Refuse(ref range);
        var paged = new PagedWriter(memory, Paged().Truncate(0x20), isReadOnly: true);
        Refuse(ref paged);
        var list = new PagedWriter(memory, List().Truncate(0x20), isReadOnly: true);
        Refuse(ref list);
        LimitedWriter<PagedWriter> limited = paged.Limit(0x20);
        Refuse(ref limited);
        memory.Read(0, 0x20).ShouldAllBe(b => b == 1);

        static void Refuse<TWriter>(ref TWriter writer)
            where TWriter : struct, IMemoryWriter, allows ref struct
        {
            writer.IsReadOnly.ShouldBeTrue();
            writer.TryWrite([], out StreamingFault fault).ShouldBeFalse();
            fault.Kind.ShouldBe(StreamingFaultKind.ReadOnly);
            writer.TryWrite(new byte[0x40], out fault).ShouldBeFalse();
            fault.Kind.ShouldBe(StreamingFaultKind.ReadOnly);
            writer.TryWrite(1, out fault).ShouldBeFalse();
            fault.Kind.ShouldBe(StreamingFaultKind.ReadOnly);
            writer.TryWrite(Guid.Empty, out fault).ShouldBeFalse();
            fault.Kind.ShouldBe(StreamingFaultKind.ReadOnly);
            writer.TryFill(1, 8, out fault).ShouldBeFalse();
            fault.ToString().ShouldBe("write of 0x8 bytes refused: the memory is read-only");
            (fault.Requested, fault.Remaining, writer.Remaining).ShouldBe((8UL, 0x20UL, 0x20UL));
        }
    }

    [Fact]
    public void Read_only_memory_is_a_fault_of_the_memory()
    {
        using GuestMemory memory = new GuestMemoryBuilder("rom").AddRegion(0, new HeapBacking(Page), protection: Protection.Read).Build();
        var writer = new RangeWriter(memory, new GuestRange(0, Page));
        writer.TryWrite(1, out StreamingFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(StreamingFaultKind.Memory);
        fault.MemoryFault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, 0);
    }

    [Fact]
    public void Types_that_are_not_plain_are_refused_whatever_is_left()
    {
        Should.Throw<NotSupportedException>(() => new SpanMemoryReader([1, 1]).Read<bool>());
        Should.Throw<NotSupportedException>(() => new SpanMemoryReader([]).Read<bool>());
        Should.Throw<NotSupportedException>(() => new SpanMemoryReader([]).Limit(1).Read<bool>());
        Should.Throw<NotSupportedException>(() => new SpanMemoryReader([]).ReadArray<bool>(0));
        Should.Throw<NotSupportedException>(() => new RangeReader(GuestMemory.Empty, default).Read<bool>());
        Should.Throw<NotSupportedException>(() => new PagedReader(GuestMemory.Empty, default).Read<bool>());
        Should.Throw<NotSupportedException>(() => new SpanMemoryWriter([]).TryWrite(true, out _));
        Should.Throw<NotSupportedException>(() => new RangeWriter(GuestMemory.Empty, default).TryWrite(true, out _));
        Should.Throw<NotSupportedException>(() => new PagedWriter(GuestMemory.Empty, default, isReadOnly: true).TryWrite(true, out _));
        Should.Throw<NotSupportedException>(() => new PagedWriter(GuestMemory.Empty, default).TryWrite(true, out _));
    }

    [Fact]
    public void A_count_that_a_guest_made_up_allocates_nothing()
    {
        ulong[] pages = [1];
        StreamingFault fault = default;
        bool any = false;
        Allocations.Of(() =>
        {
            var reader = new PagedReader(GuestMemory.Empty, new PagedRange(pages, 0, Page));
            any |= reader.TryReadArray(int.MaxValue, out ulong[]? _, out fault);
        }).ShouldBe(0);
        any.ShouldBeFalse();
        (fault.Requested, fault.Remaining).ShouldBe((8UL * int.MaxValue, Page));
        Should.Throw<ArgumentOutOfRangeException>(() => new SpanMemoryReader([]).ReadArray<byte>(-1));
    }

    [Fact]
    public void Generic_code_and_failures_allocate_nothing()
    {
        using GuestMemory memory = WithHole();
        ulong[] pages = [0, 1, 2, 3];
        ulong sum = 0;
        Allocations.Of(() =>
        {
            var reader = new PagedReader(memory, new PagedRange(pages, 0, 4 * Page));
            sum = Sum(ref reader);
            LimitedReader<PagedReader> limited = new PagedReader(memory, new PagedRange(pages, 0, 4 * Page)).Limit(3 * Page);
            sum += Sum(ref limited);
        }).ShouldBe(0);
        sum.ShouldBe(unchecked(2 * 1024 * 0x0101010101010101UL));

        static ulong Sum<TReader>(ref TReader reader)
            where TReader : struct, IMemoryReader, allows ref struct
        {
            ulong sum = 0;
            while (reader.TryRead(out ulong value, out _))
            {
                sum += value;
            }

            return sum;
        }
    }

    [Fact]
    public void A_typed_access_in_one_page_is_one_access()
    {
        var device = new FallbackBacking(4 * (int)Page);
        using var memory = new GuestMemory(device, "device");
        ulong[] pages = [3, 1];
        var reader = new PagedReader(memory, new PagedRange(pages, Page - 8, 16));
        reader.Read<ulong>();
        device.Calls.ShouldBe(1);
        reader.Read<ulong>();
        device.Calls.ShouldBe(2);

        reader = new PagedReader(memory, new PagedRange(pages, Page - 4, 8));
        reader.Read<ulong>();
        device.Calls.ShouldBe(4);
        var writer = new PagedWriter(memory, new PagedRange(pages, Page - 8, 8));
        writer.Write(1UL);
        device.Calls.ShouldBe(5);
    }

    private delegate void ReadStep(ref SpanMemoryReader reader);

    private delegate void WriteStep(ref SpanMemoryWriter writer);

    private static PagedRange Paged() => new([0UL, 1, 2, 3], 0, 4 * Page);

    private static PagedRange List() => new(new PagedRangeBuffer[] { new(new ulong[] { 0, 1 }, 0, 2 * Page), new(new ulong[] { 2, 3 }, 0, 2 * Page) });

    private static void ShouldFailAtHole(StreamingFault fault, ulong requested, ulong remaining)
    {
        fault.Kind.ShouldBe(StreamingFaultKind.Memory);
        fault.MemoryFault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x2000);
        (fault.Requested, fault.Remaining).ShouldBe((requested, remaining));
    }

    /// <summary>Four pages of ones, of which the third is missing.</summary>
    private static GuestMemory WithHole()
    {
        var mapping = new SparseBacking(4 * Page);
        mapping.Commit(0, 4 * Page);
        var memory = new GuestMemory(mapping, "ram");
        memory.Fill(0, 1, 4 * Page);
        mapping.Decommit(2 * Page, Page);
        return memory;
    }

    [Fact]
    public void A_refused_value_goes_to_the_same_place_when_the_page_is_there()
    {
        using var sparse = new SparseBacking(Page);
        using var memory = new GuestMemory(sparse, "sparse");
        var writer = new RangeWriter(memory, new GuestRange(8, 16));
        writer.TryWrite(7u, out StreamingFault _).ShouldBeFalse();
        writer.Remaining.ShouldBe(16ul);
        sparse.Commit(0, Page);
        writer.TryWrite(7u, out StreamingFault _).ShouldBeTrue();
        memory.Read<ulong>(0).ShouldBe(0ul);
        memory.Read<ulong>(8).ShouldBe(7ul);
    }
}
