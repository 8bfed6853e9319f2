using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>The record of a split queue: a header of 16 bytes, and 16 more for each descriptor of the table.</summary>
/// <param name="memory">The memory of all queues' records.</param>
/// <param name="start">Where this queue's record begins.</param>
/// <param name="count">The number of descriptors there is room for.</param>
internal sealed class SplitInflightQueue(GuestMemory memory, ulong start, ushort count)
    : InflightQueue(memory, start, count, HeaderLength, EntryLength), IInflightTracker
{
    private const ulong HeaderLength = 16;
    private const ulong EntryLength = 16;

    // In the header.
    private const ulong LastBatchOffset = 12;
    private const ulong UsedIndexOffset = 14;

    // In an entry: the flag comes first.
    private const ulong NextOffset = 6;

    private readonly List<ushort> _batch = [];
    private ulong _counter;

    /// <inheritdoc/>
    internal override IInflightTracker Tracker => this;

    internal static ulong LengthFor(ushort count) => HeaderLength + (EntryLength * count);

    /// <inheritdoc/>
    internal override VringBase Recover(GuestMemory guest, VirtQueueLayout layout, VringBase at)
    {
        ProtocolViolation.Unless(
            guest.TryRead(layout.UsedRing + 2, out Le16 index, out GuestMemoryFault fault), $"the used ring cannot be read: {fault}");
        ushort used = index;
        ushort version = Load<ushort>(VersionOffset);
        ushort recorded = Load<ushort>(UsedIndexOffset);
        if (version == 0)
        {
            Store(CountOffset, Count);
            Store(UsedIndexOffset, used);
            Store(VersionOffset, Version);
        }
        else
        {
            RequireVersion(version);
            ClearLastBatch((ushort)(used - recorded), layout.Size);
            Store(UsedIndexOffset, used);
            CheckHeads(layout.Size);
            at = VringBase.OfSplit((ushort)(used + Pending().Length));
        }

        RequireAccess();
        return at;
    }

    /// <inheritdoc/>
    internal override int Resubmit(VirtQueue queue)
    {
        ushort[] heads = Pending();
        queue.Resubmit(heads);
        return heads.Length;
    }

    /// <summary>Lists the heads of requests in flight, oldest first. Only while none is being worked on.</summary>
    internal ushort[] Pending() => FindMarked(out _counter);

    /// <inheritdoc/>
    public void OnTaken(ushort head)
    {
        Store(Entry(head) + CounterOffset, _counter++);
        Store(Entry(head), (byte)1);
    }

    /// <inheritdoc/>
    public void OnCompleting(ushort head)
    {
        Store(Entry(head) + NextOffset, Load<ushort>(LastBatchOffset));
        Store(LastBatchOffset, head);
        _batch.Add(head);
    }

    /// <inheritdoc/>
    public void OnCompleted(ushort usedIndex)
    {
        foreach (ushort head in _batch)
        {
            Store(Entry(head), (byte)0);
        }

        _batch.Clear();
        Store(UsedIndexOffset, usedIndex);
    }

    private void ClearLastBatch(ushort length, ushort size)
    {
        if (length > size)
        {
            // Not what a crash leaves behind. A driver that set its ring up anew does; then nothing may be in flight.
            ProtocolViolation.Unless(
                Pending().Length == 0, $"the memory for requests in flight is {length} requests behind the used ring of {size}");
            return;
        }

        ushort head = Load<ushort>(LastBatchOffset);
        for (int i = 0; i < length; i++)
        {
            ProtocolViolation.Unless(head < size, $"the memory for requests in flight names descriptor {head} of {size}");
            Store(Entry(head), (byte)0);
            head = Load<ushort>(Entry(head) + NextOffset);
        }
    }

    private void CheckHeads(ushort size)
    {
        for (ushort head = size; head < Count; head++)
        {
            ProtocolViolation.Unless(
                Load<byte>(Entry(head)) == 0, $"the memory for requests in flight names descriptor {head} of {size}");
        }
    }
}
