namespace Hyperspan.Virtio;

/// <summary>The device-readable or the device-writable buffers of a <see cref="DescriptorChain"/>, in order. Valid until the chain is filled again.</summary>
public readonly ref struct ChainPart
{
    private readonly GuestMemory? _memory;

    internal ChainPart(GuestMemory? memory, ReadOnlySpan<ChainSegment> segments, ulong length)
    {
        _memory = memory;
        Segments = segments;
        Length = length;
    }

    /// <summary>Gets the buffers, none of them empty.</summary>
    public ReadOnlySpan<ChainSegment> Segments { get; }

    /// <summary>Gets the length of all of them in bytes.</summary>
    public ulong Length { get; }

    /// <summary>Gets a reader at the first byte. How a driver divides its data into buffers has no meaning (virtio 1.2, section 2.7.4).</summary>
    /// <returns>The reader.</returns>
    public ChainReader CreateReader() => new(_memory ?? GuestMemory.Empty, Segments, Length);

    /// <summary>Gets a writer at the first byte.</summary>
    /// <returns>The writer.</returns>
    public ChainWriter CreateWriter() => new(_memory ?? GuestMemory.Empty, Segments, Length);
}
