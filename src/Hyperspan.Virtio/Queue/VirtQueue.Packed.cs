using System.Runtime.CompilerServices;

namespace Hyperspan.Virtio;

/// <content>
/// The packed ring (virtio 1.2, section 2.8): taking chains and returning them. A chain in flight has a slot, whose number is its head here; the driver's name for it is not
/// relied on.
/// </content>
public sealed partial class VirtQueue
{
    private readonly PackedSlot[] _slots = [];
    private readonly ushort[] _freeSlots = [];
    private int _freeSlotCount;
    private readonly Queue<(ushort Slot, PackedDescriptor[] Descriptors)> _recorded = [];
    private PackedDescriptor[] _taken = [];
    private uint _descriptorsInFlight;
    private PackedPosition _nextPlace;

    // As published, and with what is staged.
    private PackedPosition _usedPlace;
    private PackedPosition _stagedPlace;

    // The first of a batch is written last: the driver looks at no later one before it.
    private ulong _firstStaged;
    private ulong _firstStagedRest;
    private uint _stagedDescriptors;

    private void ResetPacked(ushort nextAvailable, ushort used)
    {
        _nextPlace = Within(nextAvailable, nameof(nextAvailable));
        _usedPlace = Within(used, nameof(used));
        _stagedPlace = _usedPlace;
        _descriptorsInFlight = 0;
        _stagedDescriptors = 0;
        _sinceNotified = 0;
        _deviceEventsWritten = null;
        _recorded.Clear();
        Array.Clear(_slots);
        _freeSlotCount = _slots.Length;
        for (int i = 0; i < _freeSlotCount; i++)
        {
            _freeSlots[i] = (ushort)(_freeSlotCount - 1 - i);
        }
    }

    private PackedPosition Within(ushort number, string parameter)
    {
        var place = PackedPosition.Of(number);
        return place.Index < _size ? place : throw new ArgumentException($"place {place.Index} is past the ring of {_size}", parameter);
    }

    /// <summary>
    /// Has one of the next calls of <see cref="TryTake"/> give out a chain of a packed ring that was in flight when an earlier device went away: before anything from the ring, in
    /// the order of these calls. It is
    /// not announced to <see cref="InflightTracker"/> again.
    /// </summary>
    /// <param name="descriptors">Its descriptors, as they were recorded: those of the ring may have been written over.</param>
    /// <returns>What it will be called.</returns>
    /// <exception cref="ArgumentException">There are none, or more than the ring has.</exception>
    /// <exception cref="InvalidOperationException">The queue is split.</exception>
    public ushort Resubmit(ReadOnlySpan<PackedDescriptor> descriptors)
    {
        if (!_isPacked)
        {
            throw new InvalidOperationException("a split queue finds the descriptors of its chains in the table");
        }

        if (descriptors.IsEmpty || descriptors.Length + _descriptorsInFlight > _size)
        {
            throw new ArgumentException($"{descriptors.Length} descriptors, besides {_descriptorsInFlight} in flight, of {_size}", nameof(descriptors));
        }

        ushort slot = _freeSlots[--_freeSlotCount];
        _descriptorsInFlight += (uint)descriptors.Length;
        _recorded.Enqueue((slot, descriptors.ToArray()));
        return slot;
    }

    private bool TakePacked(DescriptorChain chain)
    {
        IsHeldBack = false;

        // A record of what is in flight knows one batch at a time: what is staged has to be over before another chain is recorded.
        if (_staged != 0 && InflightTracker is not null && !PublishPacked())
        {
            return false;
        }

        if (_recorded.TryPeek(out (ushort Slot, PackedDescriptor[] Descriptors) recorded))
        {
            return TakeRecorded(recorded.Slot, recorded.Descriptors, chain);
        }

        // Acquire: what this descriptor covers is read after it. One load has length, name and flags.
        ulong place = PlaceOf(_nextPlace.Index);
        if ((!_memory.TryVolatileRead(place + 8, out Le64 rest) && !ReadRestSlowly(place + 8, out rest)) || !IsAvailable(rest))
        {
            return false;
        }

        if (!_memory.TryRead(place, out Le64 address) && !ReadAddressSlowly(place, out address))
        {
            return false;
        }

        var head = PackedDescriptor.Unpack(address, rest);
        if (_freeSlotCount == 0)
        {
            return Fail(VirtQueueErrorKind.TooManyInFlight, null, limit: _size);
        }

        ushort slot = _freeSlots[_freeSlotCount - 1];
        chain.Begin(_memory, slot);
        if (!ReadPacked(head, [], chain, out ushort id, out uint count) || IsHeldBack || !RememberOrder(slot))
        {
            BufferGate?.OnLeft();
            return false;
        }

        BufferGate?.OnTaken(slot);
        _freeSlotCount--;
        _slots[slot] = new PackedSlot { Id = id, Count = (ushort)count };
        _descriptorsInFlight += count;
        _nextPlace = _nextPlace.Advance(count, _size);
        _inFlight++;
        if (InflightTracker is { } tracker)
        {
            tracker.OnTaken(slot, _taken.AsSpan(0, (int)count));
        }

        return true;
    }

    private bool TakeRecorded(ushort slot, PackedDescriptor[] descriptors, DescriptorChain chain)
    {
        chain.Begin(_memory, slot);

        // It is counted already.
        _descriptorsInFlight -= (uint)descriptors.Length;
        bool taken = ReadPacked(descriptors[0], descriptors, chain, out ushort id, out uint count) && !IsHeldBack && RememberOrder(slot);
        _descriptorsInFlight += (uint)descriptors.Length;
        if (!taken)
        {
            BufferGate?.OnLeft();
            return false;
        }

        _recorded.Dequeue();
        BufferGate?.OnTaken(slot);
        _slots[slot] = new PackedSlot { Id = id, Count = (ushort)descriptors.Length };
        _inFlight++;
        return count == descriptors.Length || Fail(VirtQueueErrorKind.DescriptorLoop, slot, limit: (uint)descriptors.Length);
    }

    /// <summary>Copies and checks a chain. It ends: it has at most as many descriptors as the ring has left, and one indirect table.</summary>
    /// <param name="descriptor">The first descriptor.</param>
    /// <param name="recorded">All of them, where they are not in the ring any more.</param>
    /// <param name="chain">Receives the buffers.</param>
    /// <param name="id">What the driver calls it.</param>
    /// <param name="count">How many descriptors it has.</param>
    private bool ReadPacked(PackedDescriptor descriptor, ReadOnlySpan<PackedDescriptor> recorded, DescriptorChain chain, out ushort id, out uint count)
    {
        id = descriptor.Id;
        count = 1;
        Note(descriptor, count);
        if (descriptor.IsIndirect)
        {
            return RequireRoom(chain.Head, count) && ReadPackedTable(descriptor, chain);
        }

        uint index = _nextPlace.Index;
        while (true)
        {
            if (!RequireRoom(chain.Head, count) || !AppendBuffer(chain, descriptor.Address, descriptor.Length, descriptor.IsWritable))
            {
                return false;
            }

            if (!descriptor.HasNext)
            {
                // The driver may name the chain in its last descriptor alone.
                id = descriptor.Id;
                return true;
            }

            count++;
            index = index + 1 == _size ? 0 : index + 1;
            ulong place = PlaceOf(index);
            if (!recorded.IsEmpty)
            {
                if (count > recorded.Length)
                {
                    return Fail(VirtQueueErrorKind.DescriptorLoop, chain.Head, limit: (uint)recorded.Length);
                }

                descriptor = recorded[(int)count - 1];
            }
            else if (!PackedDescriptor.TryRead(_memory, place, out descriptor) && !ReadPackedSlowly(chain.Head, place, out descriptor))
            {
                return false;
            }

            Note(descriptor, count);
            if (descriptor.IsIndirect)
            {
                return Fail(VirtQueueErrorKind.IndirectInList, chain.Head);
            }
        }
    }

    /// <summary>Keeps a descriptor for whoever records what is in flight.</summary>
    private void Note(in PackedDescriptor descriptor, uint count)
    {
        if (InflightTracker is not null && count <= _size)
        {
            if (_taken.Length < count)
            {
                Array.Resize(ref _taken, Math.Min(Math.Max(16, _taken.Length * 2), _size));
            }

            _taken[count - 1] = descriptor;
        }
    }

    /// <summary>All entries of an indirect table, in order; of their flags WRITE alone means something.</summary>
    private bool ReadPackedTable(in PackedDescriptor table, DescriptorChain chain)
    {
        if (!CheckIndirect(chain.Head, table.Address, table.Length, table.HasNext))
        {
            return false;
        }

        for (uint offset = 0; offset < table.Length; offset += (uint)Descriptor.EntryLength)
        {
            ulong place = table.Address + offset;
            if ((!PackedDescriptor.TryRead(_memory, place, out PackedDescriptor descriptor) && !ReadPackedSlowly(chain.Head, place, out descriptor))
                || !AppendBuffer(chain, descriptor.Address, descriptor.Length, descriptor.IsWritable))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>An honest driver has no more descriptors in flight than the ring has.</summary>
    private bool RequireRoom(ushort head, uint count) => count + _descriptorsInFlight <= _size
        || Fail(count > _size ? VirtQueueErrorKind.DescriptorLoop : VirtQueueErrorKind.TooManyInFlight, head, limit: _size);

    private bool StagePacked(ushort slot, uint written)
    {
        if (slot >= _size || _slots[slot].Count == 0)
        {
            ThrowNothingInFlight();
        }

        PackedSlot chain = _slots[slot];
        int flags = PackedDescriptor.UsedFlags(_stagedPlace.Wrap) | (written != 0 ? Descriptor.Write : 0);
        ulong rest = PackedDescriptor.Pack(written, chain.Id, (ushort)flags);
        ulong place = PlaceOf(_stagedPlace.Index) + 8;
        if (_staged == 0)
        {
            (_firstStaged, _firstStagedRest) = (place, rest);
        }
        else if (!_memory.TryWrite(place, (Le64)rest) && !WriteRestSlowly(slot, place, rest))
        {
            return false;
        }

        _slots[slot] = default;
        _freeSlots[_freeSlotCount++] = slot;
        _stagedPlace = _stagedPlace.Advance(chain.Count, _size);
        _stagedDescriptors += chain.Count;
        _staged++;
        BufferGate?.OnReturned(slot);
        InflightTracker?.OnCompleting(slot);
        return true;
    }

    private bool PublishPacked()
    {
        // Release: later entries of the batch, and the data in the buffers, are seen before it.
        if (!_memory.TryVolatileWrite(_firstStaged, (Le64)_firstStagedRest) && !PublishSlowly())
        {
            return false;
        }

        _usedPlace = _stagedPlace;
        _isUnannounced = true;
        _inFlight -= _staged;
        _descriptorsInFlight -= _stagedDescriptors;
        _sinceNotified = Math.Min(_sinceNotified + _stagedDescriptors, ushort.MaxValue);
        _staged = 0;
        _stagedDescriptors = 0;
        InflightTracker?.OnCompleted(_usedPlace.Number);
        return true;
    }

    private ulong PlaceOf(uint index) => _descriptors + (Descriptor.EntryLength * index);

    private bool IsAvailable(ulong rest) =>
        ((ushort)(rest >> 48) & (PackedDescriptor.Available | PackedDescriptor.Used)) == PackedDescriptor.AvailableFlags(_nextPlace.Wrap);

    /// <summary>What could not be accessed at first: asked for again for the reason.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool ReadRestSlowly(ulong place, out Le64 rest) =>
        _memory.TryVolatileRead(place, out rest, out GuestMemoryFault fault) || RingFailed(null, fault);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool ReadAddressSlowly(ulong place, out Le64 address) =>
        _memory.TryRead(place, out address, out GuestMemoryFault fault) || RingFailed(null, fault);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool ReadPackedSlowly(ushort head, ulong place, out PackedDescriptor descriptor) =>
        PackedDescriptor.TryRead(_memory, place, out descriptor, out GuestMemoryFault fault) || RingFailed(head, fault);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool WriteRestSlowly(ushort head, ulong place, ulong rest) =>
        _memory.TryWrite(place, (Le64)rest, out GuestMemoryFault fault) || RingFailed(head, fault);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool PublishSlowly() =>
        _memory.TryVolatileWrite(_firstStaged, (Le64)_firstStagedRest, out GuestMemoryFault fault) || RingFailed(null, fault);

    private void ThrowIfPacked()
    {
        if (_isPacked)
        {
            throw new InvalidOperationException("a packed queue cannot be asked for a chain by its head: its descriptors may have been written over");
        }
    }
}
