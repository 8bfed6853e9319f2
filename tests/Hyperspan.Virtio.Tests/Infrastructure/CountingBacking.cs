namespace Hyperspan.Virtio.Tests;

/// <summary>Memory without a mapping that counts how often each byte is read, so that a second look at anything is seen, and keeps the order of the writes.</summary>
internal sealed class CountingBacking(int length) : GuestMemoryBacking
{
    private readonly byte[] _bytes = new byte[length];

    internal int[] Reads { get; } = new int[length];

    /// <summary>Where was written, in order.</summary>
    internal List<ulong> Writes { get; } = [];

    public override ulong Length => (ulong)_bytes.Length;

    public override FaultBehavior FaultBehavior => FaultBehavior.Never;

    protected override BackingResult ReadFallback(ulong offset, Span<byte> destination)
    {
        foreach (ref int count in Reads.AsSpan((int)offset, destination.Length))
        {
            count++;
        }

        _bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
        return BackingResult.Success;
    }

    protected override BackingResult WriteFallback(ulong offset, ReadOnlySpan<byte> source)
    {
        Writes.Add(offset);
        source.CopyTo(_bytes.AsSpan((int)offset));
        return BackingResult.Success;
    }

    protected override BackingResult FillFallback(ulong offset, byte value, ulong length)
    {
        _bytes.AsSpan((int)offset, (int)length).Fill(value);
        return BackingResult.Success;
    }

    protected override BackingResult CompareExchangeFallback(
        ulong address, Span<byte> current, ReadOnlySpan<byte> replacement, out bool exchanged)
    {
        Span<byte> here = _bytes.AsSpan((int)address, current.Length);
        exchanged = here.SequenceEqual(current);
        (exchanged ? replacement : here).CopyTo(exchanged ? here : current);
        return BackingResult.Success;
    }

    protected override void Release()
    {
    }
}
