using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

using Hyperspan.Virtio;

namespace Hyperspan.Testing;

/// <summary>A small driver for a block device, for tests, demonstrations and guests that live in this process.</summary>
/// <remarks>
/// <para>
/// Requests are submitted, then the device is kicked, then completions are collected, in any order and as many at once as the queue has room for. The named operations
/// (<see cref="Read(ulong, GuestAddress, uint)"/> and so on) do all that for one request and wait; they want no other request in flight.
/// </para>
/// <para>
/// Data lies in guest memory, where the caller puts it. It uses its own view of guest memory and nothing else. Not safe for use from several threads at once.
/// </para>
/// </remarks>
[DebuggerDisplay("{InFlight} in flight")]
public sealed class VirtioBlockDriver
{
    private const int SlotLength = 64;
    private const int RangeOffset = 16;
    private const int StatusOffset = 32;
    private const byte NoStatus = 0xff;

    private readonly GuestMemory _memory;
    private readonly VirtQueueDriver _queue;
    private readonly GuestAddress _slots;
    private readonly IVirtQueueTransport _transport;
    private readonly bool _indirect;
    private readonly ushort[] _freeSlots;
    private readonly ushort[] _slotOfHead;
    private readonly ChainSegment[] _segments;
    private int _freeSlotCount;

    /// <summary>Initializes a new instance of the <see cref="VirtioBlockDriver"/> class.</summary>
    /// <param name="memory">The driver's view of guest memory.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="slots">Where headers and status bytes go; see <see cref="GetSlotsLength"/>.</param>
    /// <param name="transport">How to reach the device.</param>
    public VirtioBlockDriver(GuestMemory memory, VirtQueueDriver queue, GuestAddress slots, IVirtQueueTransport transport)
        : this(memory, queue, slots, transport, indirect: false)
    {
    }

    /// <summary>Initializes a new instance of the <see cref="VirtioBlockDriver"/> class.</summary>
    /// <param name="memory">The driver's view of guest memory.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="slots">Where headers and status bytes go; see <see cref="GetSlotsLength"/>.</param>
    /// <param name="transport">How to reach the device.</param>
    /// <param name="indirect">Whether to use indirect descriptors; the queue must have them.</param>
    public VirtioBlockDriver(GuestMemory memory, VirtQueueDriver queue, GuestAddress slots, IVirtQueueTransport transport, bool indirect)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(transport);
        _memory = memory;
        _queue = queue;
        _slots = slots;
        _transport = transport;
        _indirect = indirect;
        int size = queue.Layout.Size;
        _freeSlots = new ushort[size];
        _slotOfHead = new ushort[size];
        _segments = new ChainSegment[(indirect ? queue.IndirectEntries : size) + 1];
        for (int i = 0; i < size; i++)
        {
            _freeSlots[i] = (ushort)(size - 1 - i);
        }

        _freeSlotCount = size;
    }

    /// <summary>Gets how many requests are in flight.</summary>
    public int InFlight => _freeSlots.Length - _freeSlotCount;

    /// <summary>Gets how much memory headers and status bytes take.</summary>
    /// <param name="queueSize">The number of descriptors of the queue.</param>
    /// <returns>The length in bytes.</returns>
    public static ulong GetSlotsLength(ushort queueSize) => (ulong)queueSize * SlotLength;

    /// <summary>Submits a read.</summary>
    /// <param name="sector">The first sector, in units of 512 bytes.</param>
    /// <param name="buffers">Where the data goes; a multiple of 512 bytes in all.</param>
    /// <param name="token">Names the request until it is completed.</param>
    /// <returns>Whether the queue had room.</returns>
    public bool TrySubmitRead(ulong sector, ReadOnlySpan<ChainSegment> buffers, out ushort token) =>
        TrySubmit(BlockRequestType.Read, sector, [], buffers, out token);

    /// <summary>Submits a write.</summary>
    /// <param name="sector">The first sector, in units of 512 bytes.</param>
    /// <param name="buffers">The data; a multiple of 512 bytes in all.</param>
    /// <param name="token">Names the request until it is completed.</param>
    /// <returns>Whether the queue had room.</returns>
    public bool TrySubmitWrite(ulong sector, ReadOnlySpan<ChainSegment> buffers, out ushort token) =>
        TrySubmit(BlockRequestType.Write, sector, buffers, [], out token);

    /// <summary>Submits a request of any type, valid or not.</summary>
    /// <param name="type">The type.</param>
    /// <param name="sector">The sector in the header.</param>
    /// <param name="readable">What follows the header in the device-readable part.</param>
    /// <param name="writable">What precedes the status byte in the device-writable part.</param>
    /// <param name="token">Names the request until it is completed.</param>
    /// <returns>Whether the queue had room.</returns>
    public bool TrySubmit(
        BlockRequestType type, ulong sector, ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable, out ushort token)
    {
        token = 0;
        if (_freeSlotCount == 0)
        {
            return false;
        }

        ushort slot = _freeSlots[_freeSlotCount - 1];
        GuestAddress at = _slots + ((ulong)slot * SlotLength);
        _memory.Write(at, new BlockRequestHeader(type, sector));
        _memory.Write(at + StatusOffset, NoStatus);

        // Header and readable data, then writable data and status, side by side in one buffer of our own.
        Span<ChainSegment> all = _segments.AsSpan(0, readable.Length + writable.Length + 2);
        all[0] = new ChainSegment(at, BlockRequestHeader.Size);
        readable.CopyTo(all[1..]);
        writable.CopyTo(all[(1 + readable.Length)..]);
        all[^1] = new ChainSegment(at + StatusOffset, 1);
        if (!_queue.TryAdd(all[..(1 + readable.Length)], all[(1 + readable.Length)..], out token, _indirect))
        {
            return false;
        }

        _freeSlotCount--;
        _slotOfHead[token] = slot;
        return true;
    }

    /// <summary>Tells the device about the requests submitted, if it wants to be told.</summary>
    public void Kick()
    {
        if (_queue.NeedsKick())
        {
            _transport.Kick();
        }
    }

    /// <summary>Collects a completed request.</summary>
    /// <param name="completion">The request and its outcome.</param>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="InvalidDataException">The device returned something that it was not given.</exception>
    public bool TryComplete(out BlockCompletion completion)
    {
        completion = default;
        if (!_queue.TryCollect(out VirtQueueCompletion used))
        {
            return false;
        }

        ushort slot = _slotOfHead[used.Head];
        byte status = _memory.Read<byte>(_slots + ((ulong)slot * SlotLength) + StatusOffset);
        _freeSlots[_freeSlotCount++] = slot;
        completion = new BlockCompletion(used.Head, (BlockStatus)status, used.Written);
        return true;
    }

    /// <summary>Waits until a request is completed.</summary>
    /// <returns>The request and its outcome.</returns>
    /// <exception cref="IOException">The device has gone.</exception>
    public BlockCompletion WaitForCompletion()
    {
        BlockCompletion completion;
        while (!TryComplete(out completion))
        {
            if (!_queue.EnableCallbacks() && !_transport.Wait())
            {
                throw new IOException("the device has gone with requests in flight");
            }
        }

        return completion;
    }

    /// <summary>Reads, and waits for it.</summary>
    /// <param name="sector">The first sector.</param>
    /// <param name="buffer">Where the data goes in guest memory.</param>
    /// <param name="length">How many bytes.</param>
    /// <returns>The status.</returns>
    public BlockStatus Read(ulong sector, GuestAddress buffer, uint length) =>
        Run(BlockRequestType.Read, sector, [], [new ChainSegment(buffer, length)]);

    /// <summary>Writes, and waits for it.</summary>
    /// <param name="sector">The first sector.</param>
    /// <param name="buffer">Where the data lies in guest memory.</param>
    /// <param name="length">How many bytes.</param>
    /// <returns>The status.</returns>
    public BlockStatus Write(ulong sector, GuestAddress buffer, uint length) =>
        Run(BlockRequestType.Write, sector, [new ChainSegment(buffer, length)], []);

    /// <summary>Flushes, and waits for it.</summary>
    /// <returns>The status.</returns>
    public BlockStatus Flush() => Run(BlockRequestType.Flush, 0, [], []);

    /// <summary>Discards a range, and waits for it.</summary>
    /// <param name="sector">The first sector.</param>
    /// <param name="sectors">How many.</param>
    /// <returns>The status.</returns>
    public BlockStatus Discard(ulong sector, uint sectors) => RunRange(BlockRequestType.Discard, new BlockRange(sector, sectors, 0));

    /// <summary>Writes zeros to a range, and waits for it.</summary>
    /// <param name="sector">The first sector.</param>
    /// <param name="sectors">How many.</param>
    /// <param name="unmap">Whether the space may be given back.</param>
    /// <returns>The status.</returns>
    public BlockStatus WriteZeroes(ulong sector, uint sectors, bool unmap) =>
        RunRange(BlockRequestType.WriteZeroes, new BlockRange(sector, sectors, unmap ? BlockRange.UnmapFlag : 0));

    /// <summary>Gets the identity of the disk, and waits for it.</summary>
    /// <param name="buffer">Where its 20 bytes go in guest memory.</param>
    /// <param name="id">The identity, without padding.</param>
    /// <returns>The status.</returns>
    public BlockStatus GetId(GuestAddress buffer, out string id)
    {
        const int length = VirtioBlockDevice.IdLength;
        BlockStatus status = Run(BlockRequestType.GetId, 0, [], [new ChainSegment(buffer, length)]);
        Span<byte> bytes = stackalloc byte[length];
        _memory.Read(buffer, bytes);
        id = status == BlockStatus.Ok ? Encoding.ASCII.GetString(bytes).TrimEnd('\0') : "";
        return status;
    }

    private BlockStatus RunRange(BlockRequestType type, BlockRange range)
    {
        // In the slot that the request is going to get: no request is in flight, so that is the last free one.
        GuestAddress at = _slots + ((ulong)_freeSlots[_freeSlotCount - 1] * SlotLength) + RangeOffset;
        _memory.Write(at, MemoryMarshal.AsBytes(new ReadOnlySpan<BlockRange>(in range)));
        return Run(type, 0, [new ChainSegment(at, BlockRange.Size)], []);
    }

    private BlockStatus Run(BlockRequestType type, ulong sector, ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable)
    {
        if (InFlight != 0)
        {
            throw new InvalidOperationException("other requests are in flight; collect them first");
        }

        if (!TrySubmit(type, sector, readable, writable, out _))
        {
            throw new InvalidOperationException("the queue is too small for this request");
        }

        Kick();
        return WaitForCompletion().Status;
    }
}
