using Hyperspan.Virtio;

namespace Hyperspan.Testing;

/// <content>The packed ring, and its event suppression structures.</content>
public sealed partial class VirtQueueDriver
{
    private const ushort Enabled = 0;
    private const ushort Disabled = 1;
    private const ushort ByPlace = 2;

    private readonly ushort[] _counts;
    private PackedPosition _availablePlace = PackedPosition.Of(PackedPosition.Start);
    private PackedPosition _usedPlace = PackedPosition.Of(PackedPosition.Start);
    private uint _sinceKicked;
    private int _idsInFlight;

    private ushort AddPacked(ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable, bool indirect)
    {
        int count = readable.Length + writable.Length;
        ushort id = TakeId();
        var descriptors = new (ulong Address, uint Length, int Flags)[count];
        for (int i = 0; i < count; i++)
        {
            ChainSegment segment = SegmentAt(readable, writable, i, out bool isWritable);
            descriptors[i] = (segment.Address.Value, segment.Length, isWritable ? Descriptor.Write : 0);
        }

        if (indirect)
        {
            ulong table = _indirectTables + (16UL * id * (ulong)IndirectEntries);
            for (int i = 0; i < count; i++)
            {
                _memory.Write(table + (16UL * (uint)i), (Le64)descriptors[i].Address);
                _memory.Write(table + (16UL * (uint)i) + 8, (Le64)PackedDescriptor.Pack(descriptors[i].Length, 0, (ushort)descriptors[i].Flags));
            }

            descriptors = [(table, (uint)count * 16, Descriptor.Indirect)];
        }

        // The first is written last: with it the device finds all of them.
        for (int i = descriptors.Length - 1; i >= 0; i--)
        {
            (ulong address, uint length, int flags) = descriptors[i];
            PackedPosition place = _availablePlace.Advance((uint)i, Layout.Size);
            flags |= (i == descriptors.Length - 1 ? 0 : Descriptor.Next) | PackedDescriptor.AvailableFlags(place.Wrap);
            GuestAddress at = Layout.DescriptorTable + (16UL * place.Index);
            _memory.Write(at, (Le64)address);
            _memory.VolatileWrite(at + 8, (Le64)PackedDescriptor.Pack(length, id, (ushort)flags));
        }

        _counts[id] = (ushort)descriptors.Length;
        _inFlight[id] = true;
        _freeCount -= descriptors.Length;
        _availablePlace = _availablePlace.Advance((uint)descriptors.Length, Layout.Size);
        _sinceKicked += (uint)descriptors.Length;
        return id;
    }

    private bool TryCollectPacked(out VirtQueueCompletion completion)
    {
        completion = default;
        if (!IsPackedUsed(out PackedDescriptor used))
        {
            return false;
        }

        if (used.Id >= Layout.Size || !_inFlight[used.Id])
        {
            throw new InvalidDataException($"the device returned chain {used.Id}, which is not in flight");
        }

        CheckOrder(used.Id);
        ushort count = _counts[used.Id];
        _usedPlace = _usedPlace.Advance(count, Layout.Size);
        _inFlight[used.Id] = false;
        _free[Layout.Size - _idsInFlight--] = used.Id;
        _freeCount += count;

        // Without WRITE the length means nothing (section 2.8.4).
        completion = new VirtQueueCompletion(used.Id, used.IsWritable ? used.Length : 0);
        return true;
    }

    private ushort TakeId() => _free[Layout.Size - ++_idsInFlight];

    private bool IsPackedUsed(out PackedDescriptor used)
    {
        // Acquire: the data are read after the flags that cover them.
        used = PackedDescriptor.Unpack(0, _memory.VolatileRead<Le64>(Layout.DescriptorTable + (16UL * _usedPlace.Index) + 8));
        return _usedPlace.IsUsed(used.Flags);
    }

    private bool NeedsPackedKick()
    {
        if (_sinceKicked == 0)
        {
            return false;
        }

        // Full fence: as for a split queue.
        Interlocked.MemoryBarrier();
        uint events = _memory.VolatileRead<Le32>(Layout.UsedRing);
        bool wanted = (ushort)(events >> 16) switch
        {
            Disabled => false,
            ByPlace => VirtQueue.IsPlacePassed((ushort)events, _availablePlace, Layout.Size, _sinceKicked),
            _ => true,
        };
        _sinceKicked = 0;
        return wanted;
    }

    private void WriteDriverEvents(ushort flags, ushort place) => _memory.VolatileWrite(Layout.AvailableRing, (Le32)(place | ((uint)flags << 16)));
}
