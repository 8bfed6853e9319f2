namespace Hyperspan.Streaming;

/// <summary>Writes to a span of this process from front to back.</summary>
/// <param name="span">The bytes. Not guest memory: a span over that can end the process.</param>
public ref struct SpanMemoryWriter(Span<byte> span) : IMemoryWriter
{
    private Span<byte> _rest = span;

    /// <inheritdoc/>
    public readonly ulong Remaining => (ulong)_rest.Length;

    /// <summary>Gets the bytes that are left to write to.</summary>
    public readonly Span<byte> RemainingSpan => _rest;

    /// <inheritdoc/>
    public readonly bool IsReadOnly => false;

    /// <inheritdoc/>
    public bool TryWrite(scoped ReadOnlySpan<byte> source, out StreamingFault fault)
    {
        if (source.Length > _rest.Length)
        {
            fault = StreamingFault.OutOfRange((ulong)source.Length, Remaining);
            return false;
        }

        source.CopyTo(_rest);
        _rest = _rest[source.Length..];
        fault = default;
        return true;
    }

    /// <inheritdoc/>
    public bool TryWrite<T>(T value, out StreamingFault fault)
        where T : unmanaged => TryWrite(StreamingSteps.Bytes(ref value), out fault);

    /// <inheritdoc/>
    public bool TryFill(byte value, ulong length, out StreamingFault fault)
    {
        if (length > Remaining)
        {
            fault = StreamingFault.OutOfRange(length, Remaining);
            return false;
        }

        _rest[..(int)length].Fill(value);
        _rest = _rest[(int)length..];
        fault = default;
        return true;
    }
}
