using System.Diagnostics;

namespace Hyperspan.Virtio;

/// <summary>
/// A chain of buffers that a driver made available: first what the device reads, then what it writes. Filled by <see cref="VirtQueue.TryTake(DescriptorChain)"/>;
/// make one per worker and use it again for every request, so that nothing is allocated on the way.
/// </summary>
/// <remarks>
/// It is a checked copy: the driver may change its descriptors as it likes, what is here stays. What the buffers hold is not copied; read it once.
/// Not safe for use from several threads at once.
/// </remarks>
[DebuggerDisplay("head {Head}: {_count} buffers, {_readableLength} bytes to read, {_writableLength} to write")]
public sealed class DescriptorChain
{
    // A chain of more buffers gives its room back when it is done: a device that keeps many chains would hold what one guest made each of them take.
    private const int MostKept = 256;

    private ChainSegment[] _segments;
    private int _count;
    private int _readable;
    private ulong _readableLength;
    private ulong _writableLength;
    private GuestMemory? _memory;

    /// <summary>Initializes a new instance of the <see cref="DescriptorChain"/> class.</summary>
    /// <param name="capacity">For how many buffers there is room at first; it grows as needed, up to what a queue permits.</param>
    public DescriptorChain(int capacity = 256)
    {
        _segments = new ChainSegment[Math.Max(capacity, 1)];
    }

    /// <summary>Gets the index of the chain's first descriptor: by it the chain is completed.</summary>
    public ushort Head { get; private set; }

    /// <summary>Gets the buffers that the device may read.</summary>
    public ChainPart Readable => new(_memory, _segments.AsSpan(0, _readable), _readableLength);

    /// <summary>Gets the buffers that the device may write. It should not read them.</summary>
    public ChainPart Writable => new(_memory, _segments.AsSpan(_readable, _count - _readable), _writableLength);

    /// <summary>The length of all buffers.</summary>
    internal ulong Length => _readableLength + _writableLength;

    internal ulong ReadableLength => _readableLength;

    internal ulong WritableLength => _writableLength;

    internal bool HasWritable { get; private set; }

    /// <summary>Gives back the room that a chain of unusual length took. It is empty afterwards.</summary>
    internal void Shrink()
    {
        if (_segments.Length > MostKept)
        {
            _segments = new ChainSegment[MostKept];
            (_count, _readable, _readableLength, _writableLength) = (0, 0, 0, 0);
        }
    }

    internal void Begin(GuestMemory memory, ushort head)
    {
        if (_memory != memory)
        {
            _memory = memory;
        }

        Head = head;
        _count = 0;
        _readable = 0;
        _readableLength = 0;
        _writableLength = 0;
        HasWritable = false;
    }

    /// <summary>Appends a buffer whose place in the order has been checked. Empty ones count for the order alone.</summary>
    internal void Append(ulong address, uint length, bool writable)
    {
        HasWritable |= writable;
        if (length == 0)
        {
            return;
        }

        if (_count == _segments.Length)
        {
            Array.Resize(ref _segments, _segments.Length * 2);
        }

        _segments[_count++] = new ChainSegment(new GuestAddress(address), length);
        if (writable)
        {
            _writableLength += length;
        }
        else
        {
            _readable++;
            _readableLength += length;
        }
    }
}
