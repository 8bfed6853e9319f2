using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <summary>Writes to the bytes of a paged range of guest memory from front to back.</summary>
/// <remarks>That the pages are memory at all is found out by the writes.</remarks>
public ref struct PagedWriter : IMemoryWriter
{
    private readonly GuestMemory _memory;
    private PagedRange _rest;

    /// <summary>Makes a writer.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">Where to write in it.</param>
    /// <param name="isReadOnly">Whether to refuse every write.</param>
    public PagedWriter(GuestMemory memory, PagedRange range, bool isReadOnly = false)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
        _rest = range;
        IsReadOnly = isReadOnly;
    }

    /// <inheritdoc/>
    public readonly ulong Remaining => _rest.Length;

    /// <inheritdoc/>
    public readonly bool IsReadOnly { get; }

    /// <summary>Gets what is left.</summary>
    public readonly PagedRange Rest => _rest;

    /// <inheritdoc/>
    public bool TryWrite(scoped ReadOnlySpan<byte> source, out StreamingFault fault)
    {
        ulong length = (ulong)source.Length;
        if (!CanWrite(length, out fault))
        {
            return false;
        }

        return Advance(_memory.TryWrite(_rest.Truncate(length), source, out GuestMemoryFault memoryFault), memoryFault, length, out fault);
    }

    /// <inheritdoc/>
    public bool TryWrite<T>(T value, out StreamingFault fault)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        if (!StreamingSteps.TryGetScalarAddress<T>(_rest, out GuestAddress address))
        {
            return TryWrite(StreamingSteps.Bytes(ref value), out fault);
        }

        if (!CanWrite((ulong)Unsafe.SizeOf<T>(), out fault))
        {
            return false;
        }

        bool written = _memory.TryWrite(address, value, out GuestMemoryFault memoryFault);
        return Advance(written, written ? default : memoryFault.WithoutRange(GuestMemoryOperation.Write), (ulong)Unsafe.SizeOf<T>(), out fault);
    }

    /// <inheritdoc/>
    public bool TryFill(byte value, ulong length, out StreamingFault fault)
    {
        if (!CanWrite(length, out fault))
        {
            return false;
        }

        return Advance(_memory.TryFill(_rest.Truncate(length), value, out GuestMemoryFault memoryFault), memoryFault, length, out fault);
    }

    private readonly bool CanWrite(ulong length, out StreamingFault fault) => StreamingSteps.CanWrite(length, _rest.Length, IsReadOnly, out fault);

    private bool Advance(bool written, in GuestMemoryFault memoryFault, ulong length, out StreamingFault fault)
    {
        if (!written)
        {
            fault = StreamingFault.Memory(memoryFault, length, _rest.Length);
            return false;
        }

        _rest = _rest.Skip(length);
        fault = default;
        return true;
    }
}
