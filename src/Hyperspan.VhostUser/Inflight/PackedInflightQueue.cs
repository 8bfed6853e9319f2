using System.Runtime.InteropServices;

using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>
/// The record of a packed queue: a header of 32 bytes, and 32 more for each descriptor. It holds copies of the descriptors in flight, since those in the ring are written over.
/// </summary>
/// <remarks>
/// Entries that record nothing are a list, from the header on. Header fields that begin with "old" are as of the last batch that was published for certain: where they differ from
/// the others the ring tells which hold.
/// </remarks>
/// <param name="memory">The memory of all queues' records.</param>
/// <param name="start">Where this queue's record begins.</param>
/// <param name="count">The number of descriptors there is room for.</param>
internal sealed class PackedInflightQueue(GuestMemory memory, ulong start, ushort count)
    : InflightQueue(memory, start, count, HeaderLength, EntryLength), IInflightTracker
{
    private const ulong HeaderLength = 32;
    private const ulong EntryLength = 32;

    // In the header.
    private const ulong FreeOffset = 12;
    private const ulong OldFreeOffset = 14;

    // The place of the next descriptor to be returned: index, old index, of 16 bits each, wrap counter, old wrap counter, of 8. They change by one store: an index without its wrap
    // counter would be another place.
    private const ulong PlacesOffset = 16;

    // In an entry: whether it is the first of a chain in flight comes first.
    private const ulong NextOffset = 2;
    private const ulong LastOffset = 4;
    private const ulong NumberOffset = 6;
    private const ulong DescriptorOffset = 16;

    // What the memory holds, as it was checked: it is not read again.
    private readonly ushort[] _next = new ushort[count];
    private readonly ushort[] _last = new ushort[count];
    private readonly ushort[] _number = new ushort[count];
    private readonly ushort[] _entryOf = new ushort[count];
    private readonly List<ushort> _batch = [];

    // The chains of an earlier back end, oldest first, until they are returned.
    private List<ushort> _pending = [];
    private ushort _free;
    private ushort _size;
    private PackedPosition _used;
    private PackedPosition _old;
    private ulong _counter;

    /// <inheritdoc/>
    internal override IInflightTracker Tracker => this;

    internal static ulong LengthFor(ushort count) => HeaderLength + (EntryLength * count);

    /// <inheritdoc/>
    internal override VringBase Recover(GuestMemory guest, VirtQueueLayout layout, VringBase at)
    {
        _size = layout.Size;
        _pending = [];
        ushort version = Load<ushort>(VersionOffset);
        if (version == 0)
        {
            _used = PackedPosition.Of(at.Used!.Value);
            Store(CountOffset, Count);
            LinkFree(new bool[Count]);
            Commit();
            Store(VersionOffset, Version);
            RequireAccess();
            return at;
        }

        RequireVersion(version);
        EndLastBatch(guest, layout);
        bool[] inFlight = FindPending();
        uint descriptors = 0;
        foreach (ushort head in _pending)
        {
            descriptors += _number[head];
        }

        ProtocolViolation.Unless(descriptors <= _size, $"the memory for requests in flight has {descriptors} descriptors of {_size}");
        LinkFree(inFlight);
        Commit();
        RequireAccess();
        return VringBase.OfPacked(_used.Advance(descriptors, _size).Number | ((uint)_used.Number << 16));
    }

    /// <inheritdoc/>
    internal override void Forget() => Store(VersionOffset, (ushort)0);

    /// <inheritdoc/>
    internal override int Resubmit(VirtQueue queue)
    {
        var descriptors = new List<PackedDescriptor>();
        foreach (ushort head in _pending)
        {
            descriptors.Clear();
            ushort entry = head;
            for (int i = 0; i < _number[head]; i++)
            {
                descriptors.Add(LoadDescriptor(entry));
                entry = _next[entry];
            }

            _entryOf[queue.Resubmit(CollectionsMarshal.AsSpan(descriptors))] = head;
        }

        return _pending.Count;
    }

    /// <inheritdoc/>
    public void OnTaken(ushort head) => throw new NotSupportedException("a packed queue has descriptors to record");

    /// <inheritdoc/>
    public void OnTaken(ushort head, ReadOnlySpan<PackedDescriptor> descriptors)
    {
        ushort first = _free;
        ushort entry = first;
        for (int i = 0; i < descriptors.Length; i++)
        {
            entry = i == 0 ? first : _next[entry];
            StoreDescriptor(entry, descriptors[i]);
        }

        _entryOf[head] = first;
        (_last[first], _number[first]) = (entry, (ushort)descriptors.Length);
        _free = _next[entry];
        Store(Entry(first) + LastOffset, entry);
        Store(Entry(first) + NumberOffset, (ushort)descriptors.Length);
        Store(Entry(first) + CounterOffset, _counter++);

        // Whoever finds the flag and the old list has not handed it to the device: it is still in the ring.
        Store(Entry(first), (byte)1);
        Store(FreeOffset, _free);
        Store(OldFreeOffset, _free);
    }

    /// <inheritdoc/>
    public void OnCompleting(ushort head)
    {
        ushort first = _entryOf[head];
        ushort last = _last[first];
        _next[last] = _free;
        Store(Entry(last) + NextOffset, _free);
        _free = first;
        _used = _used.Advance(_number[first], _size);
        Store(FreeOffset, _free);
        StorePlaces();
        _batch.Add(first);
    }

    /// <inheritdoc/>
    public void OnCompleted(ushort usedIndex)
    {
        foreach (ushort first in _batch)
        {
            Store(Entry(first), (byte)0);
            if (_pending.Count != 0)
            {
                _pending.Remove(first);
            }
        }

        _batch.Clear();
        Commit();
    }

    /// <summary>Finds out whether the last batch was published: then it is over, else it is in flight.</summary>
    private void EndLastBatch(GuestMemory guest, VirtQueueLayout layout)
    {
        ulong places = Load<ulong>(PlacesOffset);
        var used = new PackedPosition((ushort)places, ((places >> 32) & 0xff) != 0);
        _old = new PackedPosition((ushort)(places >> 16), ((places >> 40) & 0xff) != 0);
        ProtocolViolation.Unless(used.Index < _size && _old.Index < _size, $"the memory for requests in flight is at {used.Index} and {_old.Index} of a ring of {_size}");
        ushort free = Load<ushort>(OldFreeOffset);
        if (used != _old)
        {
            ProtocolViolation.Unless(
                guest.TryRead(layout.DescriptorTable + (16UL * _old.Index) + 14, out Le16 flags, out GuestMemoryFault fault), $"the ring cannot be read: {fault}");
            if (_old.IsUsed(flags))
            {
                _old = used;
                free = Load<ushort>(FreeOffset);
                Store(OldFreeOffset, free);
            }
        }

        _used = _old;
        Store(FreeOffset, free);
        StorePlaces();

        // What is in the list of the free is not in flight, whatever its flag says. The list may have a loop, or name anything.
        bool[] seen = new bool[Count];
        while (free < Count && !seen[free])
        {
            seen[free] = true;
            Store(Entry(free), (byte)0);
            free = Load<ushort>(Entry(free) + NextOffset);
        }
    }

    /// <summary>Finds the chains in flight, oldest first.</summary>
    private bool[] FindPending()
    {
        bool[] taken = new bool[Count];
        _pending = [.. FindMarked(out _counter)];
        _pending.ForEach(head => Follow(head, taken));
        return taken;
    }

    private void Follow(ushort head, bool[] taken)
    {
        ushort number = Load<ushort>(Entry(head) + NumberOffset);
        ProtocolViolation.Unless(number > 0 && number <= _size, $"the memory for requests in flight has a chain of {number} descriptors");
        ushort entry = head;
        for (int i = 0; i < number; i++)
        {
            ProtocolViolation.Unless(entry < Count && !taken[entry], $"the memory for requests in flight names entry {entry} twice, or of {Count}");
            taken[entry] = true;
            _last[head] = entry;
            entry = _next[entry] = Load<ushort>(Entry(entry) + NextOffset);
        }

        _number[head] = number;
    }

    /// <summary>Makes one list of all entries that are not in flight. Between any two stores the list from the header on has nothing else in it.</summary>
    private void LinkFree(bool[] inFlight)
    {
        ushort next = Count;
        for (int entry = Count - 1; entry >= 0; entry--)
        {
            if (!inFlight[entry])
            {
                _next[entry] = next;
                Store(Entry((ushort)entry) + NextOffset, next);
                next = (ushort)entry;
            }
        }

        _free = next;
        Store(FreeOffset, _free);
    }

    /// <summary>What was published is over for certain.</summary>
    private void Commit()
    {
        Store(OldFreeOffset, _free);
        _old = _used;
        StorePlaces();
    }

    private void StorePlaces() =>
        Store(PlacesOffset, _used.Index | ((ulong)_old.Index << 16) | (_used.Wrap ? 1UL << 32 : 0) | (_old.Wrap ? 1UL << 40 : 0));

    private PackedDescriptor LoadDescriptor(ushort entry)
    {
        ulong at = Entry(entry) + DescriptorOffset;
        return new PackedDescriptor(Load<ulong>(at + 8), Load<uint>(at + 4), Load<ushort>(at), Load<ushort>(at + 2));
    }

    private void StoreDescriptor(ushort entry, in PackedDescriptor descriptor)
    {
        ulong at = Entry(entry) + DescriptorOffset;
        Store(at, descriptor.Id);
        Store(at + 2, descriptor.Flags);
        Store(at + 4, descriptor.Length);
        Store(at + 8, descriptor.Address);
    }
}
