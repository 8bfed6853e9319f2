using Hyperspan.Streaming;

namespace Hyperspan.Tests.Streaming;

/// <summary>Readers and writers that are the default value, and arrays whose length a guest has chosen.</summary>
public class DefaultReaderTests
{
    private const ulong Page = GuestAddress.PageSize;

    [Fact]
    public void Default_readers_have_no_bytes()
    {
        RangeReader range = default;
        Check(ref range);
        PagedReader paged = default;
        Check(ref paged);
        SpanMemoryReader span = default;
        Check(ref span);
        LimitedReader<RangeReader> limited = default;
        Check(ref limited);
        LimitedReader<PagedReader> limitedPaged = default;
        Check(ref limitedPaged);

        static void Check<TReader>(ref TReader reader)
            where TReader : struct, IMemoryReader, allows ref struct
        {
            reader.Remaining.ShouldBe(0UL);
            reader.TryRead([], out StreamingFault fault).ShouldBeTrue();
            fault.ToString().ShouldBe("no fault");
            fault.MemoryFault.MemoryName.ShouldBe("");
            reader.TryReadAll(out byte[]? all, out fault).ShouldBeTrue();
            all.ShouldBeEmpty();
            reader.TryReadArray(0, out ulong[]? values, out fault).ShouldBeTrue();
            values.ShouldBeEmpty();
            reader.TrySkip(0, out fault).ShouldBeTrue();
            reader.TryRead(out byte _, out fault).ShouldBeFalse();
            fault.Kind.ShouldBe(StreamingFaultKind.OutOfRange);
        }
    }

    [Fact]
    public void Default_writers_have_no_room()
    {
        RangeWriter range = default;
        Check(ref range);
        PagedWriter paged = default;
        Check(ref paged);
        SpanMemoryWriter span = default;
        Check(ref span);
        LimitedWriter<RangeWriter> limited = default;
        Check(ref limited);

        static void Check<TWriter>(ref TWriter writer)
            where TWriter : struct, IMemoryWriter, allows ref struct
        {
            writer.TryWrite([], out StreamingFault fault).ShouldBeTrue();
            writer.TryFill(1, 0, out fault).ShouldBeTrue();
            writer.TryWrite((ushort)1, out fault).ShouldBeFalse();
            fault.IsFault.ShouldBeTrue();
        }
    }

    [Fact]
    public void Success_hands_out_a_fault_whose_every_member_can_be_read()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        memory.TryRead(0, out byte _, out GuestMemoryFault fault).ShouldBeTrue();
        fault.MemoryName.ShouldBe("");
        fault.BackingName.ShouldBeNull();
        fault.ToString().ShouldBe("no fault");
    }

    [Theory]
    [InlineData(1UL << 32)]
    [InlineData(1UL << 45)]
    [InlineData(0x7fff_ffffUL)]
    public void Lengths_that_fit_no_array_are_a_fault(ulong length)
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        var reader = new RangeReader(memory, new GuestRange(0, length));
        reader.TryReadAll(out byte[]? bytes, out StreamingFault fault).ShouldBeFalse();
        bytes.ShouldBeNull();
        (fault.Kind, fault.Requested).ShouldBe((StreamingFaultKind.TooLarge, length));
        reader.TryReadArray(int.MaxValue, out byte[]? values, out fault).ShouldBeFalse();
        values.ShouldBeNull();
        fault.Kind.ShouldBe(StreamingFaultKind.TooLarge);
        reader.Remaining.ShouldBe(length);
    }

    [Fact]
    public void Little_is_allocated_for_memory_that_is_not_there()
    {
        using GuestMemory memory = GuestMemory.Allocate(2 << 20);
        var reader = new RangeReader(memory, new GuestRange(0, 1UL << 30));
        long before = GC.GetAllocatedBytesForCurrentThread();
        reader.TryReadAll(out _, out StreamingFault fault).ShouldBeFalse();
        (fault.Kind, fault.Requested, fault.MemoryFault.Address).ShouldBe((StreamingFaultKind.Memory, 1UL << 30, (GuestAddress?)(2UL << 20)));
        reader.TryReadArray(1 << 27, out ulong[]? _, out fault).ShouldBeFalse();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(64L << 20);
        reader.Remaining.ShouldBe(1UL << 30);
        reader.TrySkip((1UL << 30) - 5, out _).ShouldBeTrue();
    }

    [Fact]
    public void A_copy_in_no_one_order_allocates_little()
    {
        const ulong Half = 1UL << 40;
        using var sparse = new SparseBacking(2 * Half);
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, sparse).AddRegion(2 * Half, sparse, Half, Half).AddRegion(3 * Half, sparse, 0, Half).LeaveBackingsOpen().Build();
        memory.TryCopyTo(0, memory, 2 * Half, 2 * Half, out GuestMemoryFault fault).ShouldBeFalse();
        (fault.Kind, fault.Operation).ShouldBe((GuestMemoryFaultKind.Other, GuestMemoryOperation.Copy));
        fault.Exception.ShouldBeOfType<NotSupportedException>();
    }
}
