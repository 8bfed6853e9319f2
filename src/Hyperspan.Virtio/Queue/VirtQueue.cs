using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hyperspan.Virtio;

/// <summary>A virtqueue, split or packed, seen from the device (virtio 1.2, sections 2.7 and 2.8).</summary>
/// <remarks>
/// <para>
/// Nothing in the rings is trusted. Whatever is wrong with them (see <see cref="VirtQueueErrorKind"/>) breaks this queue and nothing else: <see cref="IsBroken"/> becomes
/// true, <see cref="Error"/> says why, and no chain is given out or taken back until <see cref="Reset"/>. No member throws for anything a guest can do.
/// Every field of a descriptor and every ring entry is read exactly once; what was read is what is checked and used.
/// </para>
/// <para>
/// Used by one thread at a time: the worker of this queue. Others may read the properties once that worker has stopped.
/// </para>
/// <example>
/// <code>
/// var chain = new DescriptorChain();
/// while (queue.TryTake(chain))
/// {
///     uint written = Serve(chain);
///     queue.Complete(chain, written);
/// }
/// if (queue.ShouldNotify())
/// {
///     interrupt.Raise();
/// }
/// </code>
/// </example>
/// </remarks>
[DebuggerDisplay("{Layout}, {InFlight} in flight, {Error}")]
public sealed partial class VirtQueue
{
    private readonly GuestMemory _memory;
    private readonly GuestAddress _availableFlags;
    private readonly GuestAddress _availableIndex;
    private readonly ulong _availableEntries;
    private readonly GuestAddress _usedEvent;
    private readonly GuestAddress _usedFlags;
    private readonly GuestAddress _usedIndexAddress;
    private readonly ulong _usedEntries;
    private readonly GuestAddress _availableEvent;
    private readonly ushort _size;
    private readonly ushort _mask;
    private readonly ulong _descriptors;
    private readonly bool _indirect;
    private readonly bool _eventIndex;
    private readonly bool _isPacked;
    private readonly ChainOrder? _order;

    // Broken, packed, or with chains returned in order: one look tells what is usual from what is not.
    private bool _isSpecial;
    private ushort _next;
    private ushort _available;
    private ushort _used;
    private int _inFlight;
    private int _staged;
    private VirtQueueError _error;

    /// <summary>Initializes a new instance of the <see cref="VirtQueue"/> class.</summary>
    /// <param name="memory">The memory that the addresses in rings and descriptors refer to. It must outlive the queue.</param>
    /// <param name="layout">
    /// Where the rings are; see <see cref="VirtQueueLayout.TryValidate(GuestMemory, VirtQueueFeatures, out VirtQueueError)"/> for a check that does not throw.
    /// </param>
    /// <param name="features">The ring features that were negotiated.</param>
    /// <param name="nextAvailable">
    /// The available index to go on from; of a packed queue the place in its ring, with the wrap counter in bit 15. <see langword="null"/> for a fresh queue.
    /// </param>
    /// <param name="usedIndex">
    /// The used index to go on from; <see langword="null"/> to read it from the used ring, as after a reconnect. Of a packed queue the place, as above;
    /// <see langword="null"/> where nothing is in flight.
    /// </param>
    /// <exception cref="ArgumentException">The layout is invalid for this memory, or a place lies past the ring.</exception>
    public VirtQueue(
        GuestMemory memory,
        VirtQueueLayout layout,
        VirtQueueFeatures features = VirtQueueFeatures.None,
        ushort? nextAvailable = null,
        ushort? usedIndex = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (!layout.TryValidate(memory, features, out VirtQueueError error))
        {
            ThrowInvalidLayout(error, nameof(layout));
        }

        _memory = memory;
        Layout = layout;
        Features = features;
        _indirect = (features & VirtQueueFeatures.IndirectDescriptors) != 0;
        _eventIndex = (features & VirtQueueFeatures.EventIndex) != 0;
        _size = layout.Size;
        _mask = (ushort)(layout.Size - 1);
        _descriptors = layout.DescriptorTable.Value;
        MaxIndirectEntries = Math.Max((int)layout.Size, 1024);
        _order = (features & VirtQueueFeatures.InOrder) != 0 ? new ChainOrder(layout.Size) : null;
        _isSpecial = _order is not null;
        _isPacked = (features & VirtQueueFeatures.PackedRing) != 0;
        if (_isPacked)
        {
            _driverEvents = layout.AvailableRing.Value;
            _deviceEvents = layout.UsedRing.Value;
            _slots = new PackedSlot[layout.Size];
            _freeSlots = new ushort[layout.Size];
            _isSpecial = true;
            ResetPacked(nextAvailable ?? PackedPosition.Start, usedIndex ?? nextAvailable ?? PackedPosition.Start);
            return;
        }

        // None of these sums wraps: the rings have been found in memory.
        ulong available = layout.AvailableRing.Value;
        _availableFlags = available;
        _availableIndex = available + 2;
        _availableEntries = available + 4;
        _usedEvent = available + 4 + (2UL * layout.Size);
        ulong used = layout.UsedRing.Value;
        _usedFlags = used;
        _usedIndexAddress = used + 2;
        _usedEntries = used + 4;
        _availableEvent = used + 4 + (8UL * layout.Size);

        _next = nextAvailable ?? 0;
        _available = _next;
        if (usedIndex is { } index)
        {
            _used = index;
        }
        else if (memory.TryVolatileRead(_usedIndexAddress, out Le16 published, out GuestMemoryFault fault))
        {
            _used = published;
        }
        else
        {
            Break(new VirtQueueError(VirtQueueErrorKind.RingFault, null, fault: fault));
        }
    }

    /// <summary>Gets the memory that the queue lies in.</summary>
    public GuestMemory Memory => _memory;

    /// <summary>Gets where the rings are.</summary>
    public VirtQueueLayout Layout { get; }

    /// <summary>Gets the ring features that were negotiated.</summary>
    public VirtQueueFeatures Features { get; }

    /// <summary>Gets the number of descriptors.</summary>
    public ushort Size => _size;

    /// <summary>
    /// Gets the most descriptors that an indirect table may have: the queue size, and never less than 1024. The specification's limit on a chain is the queue size
    /// (section 2.7.5.3.1), but drivers of small queues exceed it and peers accept that.
    /// </summary>
    public int MaxIndirectEntries { get; }

    /// <summary>
    /// Gets the index of the next entry of the available ring to be taken; of a packed queue the place of the next descriptor, with the wrap counter in bit 15. A device that
    /// stops and one that goes on agree by it (vhost-user: VRING_BASE).
    /// </summary>
    public ushort NextAvailable => _isPacked ? _nextPlace.Number : _next;

    /// <summary>Gets the used index as last published; of a packed queue the place of the next descriptor to be returned, with the wrap counter in bit 15.</summary>
    public ushort UsedIndex => _isPacked ? _usedPlace.Number : _used;

    /// <summary>Gets how many chains have been taken and not yet been returned.</summary>
    public int InFlight => _inFlight;

    /// <summary>Gets a value indicating whether the queue met an error and does nothing any more.</summary>
    public bool IsBroken => _error.IsError;

    /// <summary>Gets the first error that the queue met; not an error where it is not broken.</summary>
    public VirtQueueError Error => _error;

    /// <summary>Gets or sets who keeps a record of chains in flight, if anybody. Set it before the first chain is taken.</summary>
    public IInflightTracker? InflightTracker { get; set; }

    /// <summary>
    /// Gets or sets who is asked whether buffers can be reached before a chain is taken; <see langword="null"/> where all of memory can, as it usually is. A chain that is held
    /// back stays in the ring, or among those that were resubmitted: see <see cref="IsHeldBack"/>.
    /// </summary>
    public IBufferGate? BufferGate { get; set; }

    /// <summary>
    /// Gets a value indicating whether the last call of <see cref="TryTake"/> left the next chain in the ring, because <see cref="BufferGate"/> said so: it is to be tried again.
    /// </summary>
    public bool IsHeldBack { get; private set; }

    /// <summary>
    /// Gets or sets a way to notify the driver while a handler still works. Without it a handler that serves many requests in one go notifies the driver by its result
    /// alone, at the end.
    /// </summary>
    public IVirtQueueNotifier? Notifier { get; set; }

    /// <summary>Breaks the queue: a device calls it where a request shows that the driver cannot be served. The first error stays.</summary>
    /// <param name="error">The error.</param>
    public void Break(in VirtQueueError error)
    {
        if (!_error.IsError)
        {
            _error = error;
            _isSpecial = true;
        }
    }

    /// <summary>Makes a queue usable again after an error, as after a device reset: forgets chains in flight and those to be resubmitted.</summary>
    /// <param name="nextAvailable">The available index to go on from; of a packed queue the place. <see langword="null"/> for a fresh queue.</param>
    /// <param name="usedIndex">The used index to go on from, or the place; <see langword="null"/> for a fresh queue.</param>
    public void Reset(ushort? nextAvailable = null, ushort? usedIndex = null)
    {
        _error = default;
        if (_isPacked)
        {
            ResetPacked(nextAvailable ?? PackedPosition.Start, usedIndex ?? PackedPosition.Start);
        }
        else
        {
            _next = nextAvailable ?? 0;
            _available = _next;
            _used = usedIndex ?? 0;
        }

        _order?.Clear();
        _isSpecial = _isPacked || _order is not null;
        _inFlight = 0;
        _staged = 0;
        _notifiedValid = false;
        _usedFlagsWritten = UsedFlagsUnknown;
        _resubmitted = [];
        _resubmittedAt = 0;
    }

    /// <summary>
    /// Reads a field of a ring, once. Where it cannot be read at first, it is asked for again for the reason: nothing has been read of it then, and if it is there
    /// by now, this is its value.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReadField(GuestAddress address, out Le16 value) =>
        _memory.TryVolatileRead(address, out value) || TryReadFieldSlowly(address, out value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadFieldSlowly(GuestAddress address, out Le16 value) =>
        _memory.TryVolatileRead(address, out value, out GuestMemoryFault fault) || RingFailed(null, fault);

    /// <summary>Writes a field of a ring; see <see cref="TryReadField"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryWriteField(GuestAddress address, Le16 value) =>
        _memory.TryVolatileWrite(address, value) || TryWriteFieldSlowly(address, value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteFieldSlowly(GuestAddress address, Le16 value) =>
        _memory.TryVolatileWrite(address, value, out GuestMemoryFault fault) || RingFailed(null, fault);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool RingFailed(ushort? head, in GuestMemoryFault fault)
    {
        Break(new VirtQueueError(VirtQueueErrorKind.RingFault, head, fault: fault));
        return false;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Fail(VirtQueueErrorKind kind, ushort? head, ulong value = 0, ulong limit = 0)
    {
        Break(new VirtQueueError(kind, head, value, limit));
        return false;
    }

    [DoesNotReturn]
    private static void ThrowInvalidLayout(in VirtQueueError error, string parameter) => throw new ArgumentException(error.ToString(), parameter);
}
