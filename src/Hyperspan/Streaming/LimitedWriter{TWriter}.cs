using System.Runtime.CompilerServices;

namespace Hyperspan.Streaming;

/// <summary>Writes to the next bytes of another writer, and to no more of them than a limit; see <see cref="MemoryWriterExtensions.Limit"/>.</summary>
/// <typeparam name="TWriter">The type of the other writer.</typeparam>
public ref struct LimitedWriter<TWriter> : IMemoryWriter
    where TWriter : struct, IMemoryWriter, allows ref struct
{
#pragma warning disable IDE0044 // Calls on it move it on; a readonly field would be copied before each.
    private TWriter _inner;
#pragma warning restore IDE0044
    private ulong _remaining;

    /// <summary>Makes a writer.</summary>
    /// <param name="inner">The other writer. It is copied: the original stays where it is.</param>
    /// <param name="limit">The most bytes to write; where there is room for fewer, those.</param>
    public LimitedWriter(TWriter inner, ulong limit)
    {
        _inner = inner;
        _remaining = Math.Min(limit, inner.Remaining);
    }

    /// <inheritdoc/>
    public readonly ulong Remaining => _remaining;

    /// <inheritdoc/>
    public readonly bool IsReadOnly => _inner.IsReadOnly;

    /// <summary>Gets a copy of the other writer, which stands behind what has been written here: to go on without the limit.</summary>
    public readonly TWriter Inner => _inner;

    /// <inheritdoc/>
    public bool TryWrite(scoped ReadOnlySpan<byte> source, out StreamingFault fault)
    {
        ulong length = (ulong)source.Length;
        return CanWrite(length, out fault) && Advance(_inner.TryWrite(source, out fault), length, ref fault);
    }

    /// <inheritdoc/>
    public bool TryWrite<T>(T value, out StreamingFault fault)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        return CanWrite((ulong)Unsafe.SizeOf<T>(), out fault) && Advance(_inner.TryWrite(value, out fault), (ulong)Unsafe.SizeOf<T>(), ref fault);
    }

    /// <inheritdoc/>
    public bool TryFill(byte value, ulong length, out StreamingFault fault) =>
        CanWrite(length, out fault) && Advance(_inner.TryFill(value, length, out fault), length, ref fault);

    private readonly bool CanWrite(ulong length, out StreamingFault fault) => StreamingSteps.CanWrite(length, _remaining, IsReadOnly, out fault);

    private bool Advance(bool written, ulong length, ref StreamingFault fault)
    {
        if (!written)
        {
            fault = fault.Within(_remaining);
            return false;
        }

        _remaining -= length;
        return true;
    }
}
