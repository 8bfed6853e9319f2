using System.Diagnostics;

using Hyperspan.Virtio;

namespace Hyperspan.Testing;

/// <summary>The driver's side of a virtqueue, split or packed (virtio 1.2, sections 2.7 and 2.8), for tests, demonstrations and guests that live in this process.</summary>
/// <remarks>
/// It touches guest memory alone, through its own view of it, and keeps its bookkeeping outside: a device that scribbles over the rings cannot confuse it.
/// Unlike <see cref="VirtQueue"/> it throws (<see cref="GuestMemoryException"/>) when its memory cannot be accessed: a guest without memory has nowhere to go.
/// Not safe for use from several threads at once.
/// </remarks>
[DebuggerDisplay("{Layout}, {FreeDescriptors} free")]
public sealed partial class VirtQueueDriver
{
    private const ushort NoDescriptor = ushort.MaxValue;

    private readonly GuestMemory _memory;
    private readonly bool _eventIndex;
    private readonly bool _isPacked;
    private readonly Queue<ushort>? _order;
    private readonly ushort _mask;
    private readonly ulong _indirectTables;
    private readonly ushort[] _free;
    private readonly ushort[] _nextInChain;
    private readonly bool[] _inFlight;
    private int _freeCount;
    private ushort _available;
    private ushort _kicked;
    private ushort _used;

    /// <summary>Initializes a new instance of the <see cref="VirtQueueDriver"/> class: lays out the rings and zeroes them.</summary>
    /// <param name="memory">The driver's view of guest memory.</param>
    /// <param name="start">Where the rings go; a multiple of 16. See <see cref="GetRequiredLength"/>.</param>
    /// <param name="size">The number of descriptors: up to 32768, of a split queue a power of two.</param>
    /// <param name="features">The ring features that were negotiated.</param>
    /// <param name="indirectEntries">How many descriptors each indirect table has room for.</param>
    /// <exception cref="ArgumentException">The size or the address is invalid.</exception>
    public VirtQueueDriver(
        GuestMemory memory, GuestAddress start, ushort size, VirtQueueFeatures features = VirtQueueFeatures.None, int indirectEntries = 16)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfLessThan(indirectEntries, 1);
        if (!VirtQueueLayout.IsValidSize(size, features))
        {
            throw new ArgumentException($"queue size {size} is not one up to {VirtQueueLayout.MaxSize}, of a split queue a power of two", nameof(size));
        }

        if (!start.IsAligned(16))
        {
            throw new ArgumentException($"the rings cannot start at {start}, which is not a multiple of 16", nameof(start));
        }

        _memory = memory;
        Features = features;
        IndirectEntries = indirectEntries;
        _eventIndex = (features & VirtQueueFeatures.EventIndex) != 0;
        _isPacked = (features & VirtQueueFeatures.PackedRing) != 0;
        _order = (features & VirtQueueFeatures.InOrder) != 0 ? new Queue<ushort>() : null;
        _mask = (ushort)(size - 1);
        GuestAddress available = start + VirtQueueLayout.DescriptorTableLength(size);
        GuestAddress used = (available + VirtQueueLayout.AvailableRingLength(size, features)).AlignUp(4);
        Layout = new VirtQueueLayout(size, start, available, used);
        _indirectTables = (used + VirtQueueLayout.UsedRingLength(size, features)).AlignUp(16).Value;
        memory.Clear(start, GetRequiredLength(size, features, indirectEntries));

        _free = new ushort[size];
        _nextInChain = new ushort[size];
        _counts = new ushort[_isPacked ? size : 0];
        _inFlight = new bool[size];
        for (int i = 0; i < size; i++)
        {
            _free[i] = (ushort)(size - 1 - i);
        }

        _freeCount = size;
    }

    /// <summary>Gets where the rings are, for the device.</summary>
    public VirtQueueLayout Layout { get; }

    /// <summary>Gets the ring features that were negotiated.</summary>
    public VirtQueueFeatures Features { get; }

    /// <summary>Gets how many descriptors each indirect table has room for.</summary>
    public int IndirectEntries { get; }

    /// <summary>Gets the number of descriptors that are free.</summary>
    public int FreeDescriptors => _freeCount;

    /// <summary>Gets the available index as last published; of a packed queue the place of the next descriptor, with the wrap counter in bit 15.</summary>
    public ushort AvailableIndex => _isPacked ? _availablePlace.Number : _available;

    /// <summary>Gets how much memory the rings and indirect tables take.</summary>
    /// <param name="size">The number of descriptors.</param>
    /// <param name="features">The ring features; without indirect descriptors there are no tables.</param>
    /// <param name="indirectEntries">How many descriptors each indirect table has room for.</param>
    /// <returns>The length in bytes.</returns>
    public static ulong GetRequiredLength(ushort size, VirtQueueFeatures features = VirtQueueFeatures.None, int indirectEntries = 16)
    {
        ulong tables = (features & VirtQueueFeatures.IndirectDescriptors) != 0 ? 16UL * size * (ulong)indirectEntries : 0;
        return VirtQueueLayout.DescriptorTableLength(size)
            + VirtQueueLayout.AvailableRingLength(size, features) + 4
            + VirtQueueLayout.UsedRingLength(size, features) + 16
            + tables;
    }

    /// <summary>Makes a chain available to the device.</summary>
    /// <param name="readable">The buffers that the device is to read.</param>
    /// <param name="writable">The buffers that the device is to write.</param>
    /// <param name="head">What names the chain until it is collected.</param>
    /// <returns>Whether there was room.</returns>
    /// <exception cref="ArgumentException">The chain is empty, or too long for the queue or an indirect table, or indirect descriptors were not negotiated.</exception>
    public bool TryAdd(ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable, out ushort head) =>
        TryAdd(readable, writable, out head, indirect: false);

    /// <summary>Makes a chain available to the device.</summary>
    /// <param name="readable">The buffers that the device is to read.</param>
    /// <param name="writable">The buffers that the device is to write.</param>
    /// <param name="head">What names the chain until it is collected.</param>
    /// <param name="indirect">Whether to put its descriptors into an indirect table; that takes one descriptor of the ring.</param>
    /// <returns>Whether there was room.</returns>
    /// <exception cref="ArgumentException">The chain is empty, or too long for the queue or an indirect table, or indirect descriptors were not negotiated.</exception>
    public bool TryAdd(ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable, out ushort head, bool indirect)
    {
        int count = readable.Length + writable.Length;
        if (count == 0 || count > (indirect ? IndirectEntries : Layout.Size))
        {
            throw new ArgumentException($"a chain of {count} buffers does not fit", nameof(readable));
        }

        if (indirect && (Features & VirtQueueFeatures.IndirectDescriptors) == 0)
        {
            throw new ArgumentException("indirect descriptors were not negotiated", nameof(indirect));
        }

        head = 0;
        if (_freeCount < (indirect ? 1 : count))
        {
            return false;
        }

        if (_isPacked)
        {
            head = AddPacked(readable, writable, indirect);
            _order?.Enqueue(head);
            return true;
        }

        head = indirect ? AddIndirect(readable, writable) : AddDirect(readable, writable);
        _order?.Enqueue(head);
        _inFlight[head] = true;
        _memory.Write(Layout.AvailableRing + 4 + (2UL * (uint)(_available & _mask)), (Le16)head);
        _available++;

        // Release: entry and descriptors are seen before the index that covers them.
        _memory.VolatileWrite(Layout.AvailableRing + 2, (Le16)_available);
        return true;
    }

    /// <summary>Takes back a chain that the device has returned.</summary>
    /// <param name="completion">Which one, and how much was written to it.</param>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="InvalidDataException">The device returned something that it was not given.</exception>
    public bool TryCollect(out VirtQueueCompletion completion)
    {
        completion = default;
        if (_isPacked)
        {
            return TryCollectPacked(out completion);
        }

        // Acquire: the entry and the data are read after the index that covers them.
        if (_memory.VolatileRead<Le16>(Layout.UsedRing + 2) == _used)
        {
            return false;
        }

        GuestAddress entry = Layout.UsedRing + 4 + (8UL * (uint)(_used & _mask));
        uint head = _memory.Read<Le32>(entry);
        uint written = _memory.Read<Le32>(entry + 4);
        if (head >= Layout.Size || !_inFlight[head])
        {
            throw new InvalidDataException($"the device returned chain {head}, which is not in flight");
        }

        CheckOrder((ushort)head);
        _used++;
        _inFlight[head] = false;
        for (ushort at = (ushort)head; at != NoDescriptor; at = _nextInChain[at])
        {
            _free[_freeCount++] = at;
        }

        completion = new VirtQueueCompletion((ushort)head, written);
        return true;
    }

    private void CheckOrder(ushort head)
    {
        if (_order is { } order && order.Dequeue() is var oldest && oldest != head)
        {
            throw new InvalidDataException($"the device returned chain {head} before chain {oldest}, which came before it");
        }
    }

    private static ChainSegment SegmentAt(ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable, int index, out bool isWritable)
    {
        isWritable = index >= readable.Length;
        return isWritable ? writable[index - readable.Length] : readable[index];
    }

    private ushort AddDirect(ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable)
    {
        int count = readable.Length + writable.Length;
        ushort head = _free[_freeCount - 1];
        for (int i = 0; i < count; i++)
        {
            ushort index = _free[--_freeCount];
            bool last = i == count - 1;
            ushort next = last ? NoDescriptor : _free[_freeCount - 1];
            _nextInChain[index] = next;
            ChainSegment segment = SegmentAt(readable, writable, i, out bool isWritable);
            WriteDescriptor(Layout.DescriptorTable.Value + (16UL * index), segment, isWritable, last ? null : next);
        }

        return head;
    }

    private ushort AddIndirect(ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable)
    {
        ushort head = _free[--_freeCount];
        _nextInChain[head] = NoDescriptor;
        ulong table = _indirectTables + (16UL * head * (ulong)IndirectEntries);
        int count = readable.Length + writable.Length;
        for (int i = 0; i < count; i++)
        {
            ChainSegment segment = SegmentAt(readable, writable, i, out bool isWritable);
            WriteDescriptor(table + (16UL * (uint)i), segment, isWritable, i == count - 1 ? null : (ushort)(i + 1));
        }

        ulong descriptor = Layout.DescriptorTable.Value + (16UL * head);
        _memory.Write(descriptor, new Descriptor(table, (uint)count * 16, Descriptor.Indirect));
        return head;
    }

    private void WriteDescriptor(ulong at, ChainSegment segment, bool writable, ushort? next)
    {
        int flags = (writable ? Descriptor.Write : 0) | (next is null ? 0 : Descriptor.Next);
        _memory.Write(at, new Descriptor(segment.Address.Value, segment.Length, (ushort)flags, next ?? 0));
    }
}
