using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Streaming;

/// <summary>Reads a span of this process from front to back.</summary>
/// <param name="span">The bytes. Not guest memory: a span over that can end the process.</param>
public ref struct SpanMemoryReader(ReadOnlySpan<byte> span) : IMemoryReader
{
    private ReadOnlySpan<byte> _rest = span;

    /// <inheritdoc/>
    public readonly ulong Remaining => (ulong)_rest.Length;

    /// <summary>Gets the bytes that are left.</summary>
    public readonly ReadOnlySpan<byte> RemainingSpan => _rest;

    /// <inheritdoc/>
    public bool TryRead(scoped Span<byte> destination, out StreamingFault fault)
    {
        if (destination.Length > _rest.Length)
        {
            fault = StreamingFault.OutOfRange((ulong)destination.Length, Remaining);
            return false;
        }

        _rest[..destination.Length].CopyTo(destination);
        _rest = _rest[destination.Length..];
        fault = default;
        return true;
    }

    /// <inheritdoc/>
    public bool TryRead<T>(out T value, out StreamingFault fault)
        where T : unmanaged => StreamingSteps.TryReadBytes(ref this, out value, out fault);

    /// <inheritdoc/>
    public bool TrySkip(ulong length, out StreamingFault fault)
    {
        if (length > Remaining)
        {
            fault = StreamingFault.OutOfRange(length, Remaining);
            return false;
        }

        _rest = _rest[(int)length..];
        fault = default;
        return true;
    }

    /// <inheritdoc/>
    public bool TryReadArray<T>(int count, [NotNullWhen(true)] out T[]? values, out StreamingFault fault)
        where T : unmanaged => StreamingSteps.TryReadArray(ref this, count, out values, out fault);

    /// <inheritdoc/>
    public T Read<T>()
        where T : unmanaged => StreamingSteps.Read<SpanMemoryReader, T>(ref this);

    /// <inheritdoc/>
    public T[] ReadArray<T>(int count)
        where T : unmanaged => StreamingSteps.ReadArray<SpanMemoryReader, T>(ref this, count);
}
