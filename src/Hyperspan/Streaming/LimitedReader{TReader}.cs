using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hyperspan.Streaming;

/// <summary>Reads the next bytes of another reader, and no more of them than a limit; see <see cref="MemoryReaderExtensions.Limit"/>.</summary>
/// <typeparam name="TReader">The type of the other reader.</typeparam>
public ref struct LimitedReader<TReader> : IMemoryReader
    where TReader : struct, IMemoryReader, allows ref struct
{
    private TReader _inner;
    private ulong _remaining;

    /// <summary>Makes a reader.</summary>
    /// <param name="inner">The other reader. It is copied: the original stays where it is.</param>
    /// <param name="limit">The most bytes to read; where there are fewer, those.</param>
    public LimitedReader(TReader inner, ulong limit)
    {
        _inner = inner;
        _remaining = Math.Min(limit, inner.Remaining);
    }

    /// <inheritdoc/>
    public readonly ulong Remaining => _remaining;

    /// <summary>Gets a copy of the other reader, which stands behind what has been read here: to go on without the limit.</summary>
    public readonly TReader Inner => _inner;

    /// <inheritdoc/>
    public bool TryRead(scoped Span<byte> destination, out StreamingFault fault)
    {
        ulong length = (ulong)destination.Length;
        if (length > _remaining)
        {
            fault = StreamingFault.OutOfRange(length, _remaining);
            return false;
        }

        if (!_inner.TryRead(destination, out fault))
        {
            fault = fault.Within(_remaining);
            return false;
        }

        _remaining -= length;
        return true;
    }

    /// <inheritdoc/>
    public bool TryRead<T>(out T value, out StreamingFault fault)
        where T : unmanaged
    {
        if ((ulong)Unsafe.SizeOf<T>() > _remaining)
        {
            PlainType<T>.Demand();
            value = default;
            fault = StreamingFault.OutOfRange((ulong)Unsafe.SizeOf<T>(), _remaining);
            return false;
        }

        if (!_inner.TryRead(out value, out fault))
        {
            fault = fault.Within(_remaining);
            return false;
        }

        _remaining -= (ulong)Unsafe.SizeOf<T>();
        return true;
    }

    /// <inheritdoc/>
    public bool TrySkip(ulong length, out StreamingFault fault)
    {
        if (length > _remaining)
        {
            fault = StreamingFault.OutOfRange(length, _remaining);
            return false;
        }

        if (!_inner.TrySkip(length, out fault))
        {
            fault = fault.Within(_remaining);
            return false;
        }

        _remaining -= length;
        return true;
    }

    /// <inheritdoc/>
    public bool TryReadArray<T>(int count, [NotNullWhen(true)] out T[]? values, out StreamingFault fault)
        where T : unmanaged => StreamingSteps.TryReadArray(ref this, count, out values, out fault);

    /// <inheritdoc/>
    public T Read<T>()
        where T : unmanaged => StreamingSteps.Read<LimitedReader<TReader>, T>(ref this);

    /// <inheritdoc/>
    public T[] ReadArray<T>(int count)
        where T : unmanaged => StreamingSteps.ReadArray<LimitedReader<TReader>, T>(ref this, count);
}
