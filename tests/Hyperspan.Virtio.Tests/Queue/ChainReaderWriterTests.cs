namespace Hyperspan.Virtio.Tests;

public sealed class ChainReaderWriterTests : IDisposable
{
    private readonly QueueBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Reading_crosses_buffers()
    {
        byte[] bytes = [.. Enumerable.Range(0, 30).Select(i => (byte)i)];
        Spread(bytes, 0, 3, 1, 10, 16);
        ChainReader reader = _bed.Chain.Readable.CreateReader();
        reader.Remaining.ShouldBe(30UL);

        Span<byte> four = stackalloc byte[4];
        reader.TryRead(four).ShouldBeTrue();
        four.ToArray().ShouldBe(bytes[..4]);
        reader.TryRead(out uint inOne).ShouldBeTrue();
        inOne.ShouldBe(BitConverter.ToUInt32(bytes, 4));
        reader.TryRead(out ulong inTwo).ShouldBeTrue();
        inTwo.ShouldBe(BitConverter.ToUInt64(bytes, 8));
        reader.TrySkip(2).ShouldBeTrue();
        reader.Remaining.ShouldBe(12UL);
        reader.TryRead(stackalloc byte[13]).ShouldBeFalse("more than there is");
        reader.Fault.IsFault.ShouldBeFalse();
        reader.TrySkip(13).ShouldBeFalse();
        reader.Remaining.ShouldBe(12UL, "nothing was done");
        Span<byte> rest = stackalloc byte[12];
        reader.TryRead(rest).ShouldBeTrue();
        rest.ToArray().ShouldBe(bytes[18..]);
        reader.Remaining.ShouldBe(0UL);
        reader.TryRead(out byte _).ShouldBeFalse();
        reader.TryRead([]).ShouldBeTrue();
        reader.TrySkip(0).ShouldBeTrue();
    }

    [Fact]
    public void Writing_crosses_buffers()
    {
        Spread(new byte[30], QueueBed.Write, 3, 1, 10, 16);
        ChainWriter writer = _bed.Chain.Writable.CreateWriter();
        writer.TryWrite([1, 2, 3, 4, 5]).ShouldBeTrue();
        writer.TryWrite(0x0807_0605_0403_0201UL).ShouldBeTrue();
        writer.TryFill(0xAA, 4).ShouldBeTrue();
        writer.TrySkip(1).ShouldBeTrue();
        writer.TryWrite((ushort)0x2211).ShouldBeTrue();
        writer.Remaining.ShouldBe(10UL);
        writer.TryFill(1, 11).ShouldBeFalse("more than there is");
        writer.TryWrite(new byte[11]).ShouldBeFalse();
        writer.TrySkip(11).ShouldBeFalse();
        writer.TryFill(0xBB, 10).ShouldBeTrue();
        writer.TryWrite((byte)1).ShouldBeFalse();
        writer.Fault.IsFault.ShouldBeFalse();
        Collect(3, 1, 10, 16).ShouldBe(
        [
            1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6, 7, 8, 0xAA, 0xAA, 0xAA, 0xAA, 0, 0x11, 0x22,
            0xBB, 0xBB, 0xBB, 0xBB, 0xBB, 0xBB, 0xBB, 0xBB, 0xBB, 0xBB,
        ]);
    }

    [Fact]
    public void A_fault_is_a_value()
    {
        Spread(new byte[8], QueueBed.Write, 4, 4);
        ChainWriter writer = _bed.Chain.Writable.CreateWriter();
        _bed.Memory.Dispose();
        writer.TryWrite(1UL).ShouldBeFalse();
        writer.Fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        writer.TryFill(0, 8).ShouldBeFalse();
    }

    [Fact]
    public void Types_that_would_leak_padding_are_refused()
    {
        Spread(new byte[32], QueueBed.Write, 32);
        Should.Throw<NotSupportedException>(() => _bed.Chain.Writable.CreateWriter().TryWrite(default(Padded)));
        Spread(new byte[32], QueueBed.Write, 1, 31);
        Should.Throw<NotSupportedException>(() => _bed.Chain.Writable.CreateWriter().TryWrite(default(Padded)));
    }

    [Fact]
    public void An_unused_chain_is_empty()
    {
        var chain = new DescriptorChain();
        chain.Readable.Length.ShouldBe(0UL);
        chain.Readable.CreateReader().TryRead(out byte _).ShouldBeFalse();
        chain.Writable.CreateWriter().TryWrite((byte)0).ShouldBeFalse();
    }

    private void Spread(byte[] bytes, ushort flags, params int[] lengths)
    {
        _bed.Queue.Reset(_bed.Queue.NextAvailable);
        int at = 0;
        for (ushort i = 0; i < lengths.Length; i++)
        {
            bool last = i == lengths.Length - 1;
            _bed.Memory.Write(Place(i), bytes.AsSpan(at, lengths[i]));
            _bed.Describe(i, Place(i), (uint)lengths[i], (ushort)(flags | (last ? 0 : QueueBed.Next)), (ushort)(i + 1));
            at += lengths[i];
        }

        _bed.Offer(0);
        _bed.Queue.TryTake(_bed.Chain).ShouldBeTrue(_bed.Queue.Error.ToString());
    }

    private byte[] Collect(params int[] lengths)
    {
        var all = new List<byte>();
        for (int i = 0; i < lengths.Length; i++)
        {
            var bytes = new byte[lengths[i]];
            _bed.Memory.Read(Place(i), bytes);
            all.AddRange(bytes);
        }

        return [.. all];
    }

    private static ulong Place(int index) => QueueBed.Buffers + (0x1001UL * (ulong)index);

    private readonly record struct Padded(byte Small, int Large);
}
