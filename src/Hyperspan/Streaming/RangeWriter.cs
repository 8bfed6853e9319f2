using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Hyperspan.Streaming;

/// <summary>Writes to a range of guest memory from front to back.</summary>
/// <remarks>That the range is memory at all is found out by the writes. The default value has no bytes.</remarks>
[DebuggerDisplay("{Remaining} bytes at {Address}")]
public struct RangeWriter : IMemoryWriter
{
    private readonly GuestMemory? _memory;
    private ulong _address;
    private ulong _remaining;

    /// <summary>Makes a writer.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">The guest-physical address of the first byte to write.</param>
    /// <param name="length">How many bytes.</param>
    /// <exception cref="ArgumentException">The range leaves 2^64.</exception>
    public RangeWriter(GuestMemory memory, GuestAddress address, ulong length)
        : this(memory, new GuestRange(address, length))
    {
    }

    /// <summary>Makes a writer.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">Where to write in it.</param>
    public RangeWriter(GuestMemory memory, GuestRange range)
        : this(memory, range, isReadOnly: false)
    {
    }

    /// <summary>Makes a writer.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">Where to write in it.</param>
    /// <param name="isReadOnly">Whether to refuse every write.</param>
    public RangeWriter(GuestMemory memory, GuestRange range, bool isReadOnly)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
        _address = range.Start.Value;
        _remaining = range.Length;
        IsReadOnly = isReadOnly;
    }

    private readonly GuestMemory Memory => _memory ?? GuestMemory.Empty;

    /// <inheritdoc/>
    public readonly ulong Remaining => _remaining;

    /// <inheritdoc/>
    public readonly bool IsReadOnly { get; }

    /// <summary>Gets the address of the next byte.</summary>
    public readonly GuestAddress Address => _address;

    /// <inheritdoc/>
    public bool TryWrite(scoped ReadOnlySpan<byte> source, out StreamingFault fault)
    {
        ulong length = (ulong)source.Length;
        if (!CanWrite(length, out fault))
        {
            return false;
        }

        if (!Memory.TryWrite(_address, source, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, length, _remaining);
            return false;
        }

        Advance(length);
        return true;
    }

    /// <inheritdoc/>
    public bool TryWrite<T>(T value, out StreamingFault fault)
        where T : unmanaged
    {
        PlainType<T>.Demand();
        if (!CanWrite((ulong)Unsafe.SizeOf<T>(), out fault))
        {
            return false;
        }

        if (!Memory.TryWrite(_address, value, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, (ulong)Unsafe.SizeOf<T>(), _remaining);
            return false;
        }

        Advance((ulong)Unsafe.SizeOf<T>());
        return true;
    }

    /// <inheritdoc/>
    public bool TryFill(byte value, ulong length, out StreamingFault fault)
    {
        if (!CanWrite(length, out fault))
        {
            return false;
        }

        if (!Memory.TryFill(_address, value, length, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, length, _remaining);
            return false;
        }

        Advance(length);
        return true;
    }

    private readonly bool CanWrite(ulong length, out StreamingFault fault) => StreamingSteps.CanWrite(length, _remaining, IsReadOnly, out fault);

    private void Advance(ulong length)
    {
        _address += length;
        _remaining -= length;
    }
}
