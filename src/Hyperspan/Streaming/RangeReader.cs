using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hyperspan.Streaming;

/// <summary>Reads a range of guest memory from front to back.</summary>
/// <remarks>That the range is memory at all is found out by the reads. The default value has no bytes.</remarks>
[DebuggerDisplay("{Remaining} bytes at {Address}")]
public struct RangeReader : IMemoryReader
{
    private readonly GuestMemory? _memory;
    private ulong _address;
    private ulong _remaining;

    /// <summary>Makes a reader.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">The guest-physical address of the first byte to read.</param>
    /// <param name="length">How many bytes.</param>
    /// <exception cref="ArgumentException">The range leaves 2^64.</exception>
    public RangeReader(GuestMemory memory, GuestAddress address, ulong length)
        : this(memory, new GuestRange(address, length))
    {
    }

    /// <summary>Makes a reader.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">What to read of it.</param>
    public RangeReader(GuestMemory memory, GuestRange range)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
        _address = range.Start.Value;
        _remaining = range.Length;
    }

    private readonly GuestMemory Memory => _memory ?? GuestMemory.Empty;

    /// <inheritdoc/>
    public readonly ulong Remaining => _remaining;

    /// <summary>Gets the address of the next byte.</summary>
    public readonly GuestAddress Address => _address;

    /// <inheritdoc/>
    public bool TryRead(scoped Span<byte> destination, out StreamingFault fault)
    {
        ulong length = (ulong)destination.Length;
        if (length > _remaining)
        {
            fault = StreamingFault.OutOfRange(length, _remaining);
            return false;
        }

        if (!Memory.TryRead(_address, destination, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, length, _remaining);
            return false;
        }

        Advance(length);
        fault = default;
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

        if (!Memory.TryRead(_address, out value, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, (ulong)Unsafe.SizeOf<T>(), _remaining);
            return false;
        }

        Advance((ulong)Unsafe.SizeOf<T>());
        fault = default;
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

        Advance(length);
        fault = default;
        return true;
    }

    private void Advance(ulong length)
    {
        _address += length;
        _remaining -= length;
    }

    /// <inheritdoc/>
    public bool TryReadArray<T>(int count, [NotNullWhen(true)] out T[]? values, out StreamingFault fault)
        where T : unmanaged => StreamingSteps.TryReadArray(ref this, count, out values, out fault);

    /// <inheritdoc/>
    public T Read<T>()
        where T : unmanaged => StreamingSteps.Read<RangeReader, T>(ref this);

    /// <inheritdoc/>
    public T[] ReadArray<T>(int count)
        where T : unmanaged => StreamingSteps.ReadArray<RangeReader, T>(ref this, count);
}
