using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>
/// The record of one split queue's requests in flight (vhost-user, "Inflight I/O tracking"): a header of 16 bytes and for each descriptor 16 more, in memory that the
/// front end keeps while back ends come and go.
/// </summary>
/// <remarks>
/// The front end may have changed it: every index in it is checked, and every access may fail. The first fault stays. Stores are in program order, as the
/// processor makes them visible to whoever reads them after this process has died.
/// </remarks>
internal sealed class InflightQueue : IInflightTracker
{
    private const ulong HeaderLength = 16;
    private const ulong EntryLength = 16;
    private const ulong Alignment = 64;

    // In the header, after eight bytes of features, which are zero.
    private const ulong VersionOffset = 8;
    private const ulong CountOffset = 10;
    private const ulong LastBatchOffset = 12;
    private const ulong UsedIndexOffset = 14;

    // In an entry: the flag comes first.
    private const ulong NextOffset = 6;
    private const ulong CounterOffset = 8;

    private const ushort Version = 1;

    private readonly GuestMemory _memory;
    private readonly ulong _start;
    private readonly ushort _count;
    private readonly List<ushort> _batch = [];
    private GuestMemoryFault _fault;
    private ulong _counter;

    /// <summary>Initializes a new instance of the <see cref="InflightQueue"/> class.</summary>
    /// <param name="memory">The memory of all queues' records.</param>
    /// <param name="start">Where this queue's record begins.</param>
    /// <param name="count">The number of descriptors there is room for.</param>
    internal InflightQueue(GuestMemory memory, ulong start, ushort count)
    {
        _memory = memory;
        _start = start;
        _count = count;
    }

    /// <summary>Gets the first fault met; not a fault where there was none.</summary>
    internal GuestMemoryFault Fault => _fault;

    /// <summary>Gets the used index as of <see cref="Recover"/>.</summary>
    internal ushort UsedIndex { get; private set; }

    internal static ulong LengthFor(ushort count) => (HeaderLength + (EntryLength * count) + Alignment - 1) & ~(Alignment - 1);

    /// <summary>Brings the record in line with the used ring: a back end may have died between publishing requests and taking them off the record.</summary>
    /// <param name="guest">The guest's memory.</param>
    /// <param name="layout">The ring: not larger than the record.</param>
    /// <returns>Whether there was a record; otherwise an empty one has been made.</returns>
    /// <exception cref="ProtocolViolation">The record makes no sense, or cannot be accessed.</exception>
    internal bool Recover(GuestMemory guest, VirtQueueLayout layout)
    {
        ProtocolViolation.Unless(
            guest.TryRead(layout.UsedRing + 2, out Le16 index, out GuestMemoryFault fault), $"the used ring cannot be read: {fault}");
        ushort used = index;
        UsedIndex = used;
        ushort version = Load<ushort>(VersionOffset);
        ushort recorded = Load<ushort>(UsedIndexOffset);
        bool found = version != 0;
        if (!found)
        {
            Store(CountOffset, _count);
            Store(UsedIndexOffset, used);
            Store(VersionOffset, Version);
        }
        else
        {
            ProtocolViolation.Unless(version == Version, $"the memory for requests in flight has the unknown version {version}");
            ClearLastBatch((ushort)(used - recorded), layout.Size);
            Store(UsedIndexOffset, used);
            CheckHeads(layout.Size);
        }

        ProtocolViolation.Unless(!_fault.IsFault, $"the memory for requests in flight: {_fault}");
        return found;
    }

    /// <summary>Lists the heads of requests in flight, oldest first. Only while none is being worked on.</summary>
    internal ushort[] Pending()
    {
        var found = new List<(ulong Counter, ushort Head)>();
        for (ushort head = 0; head < _count; head++)
        {
            if (Load<byte>(Entry(head)) != 0)
            {
                found.Add((Load<ulong>(Entry(head) + CounterOffset), head));
            }
        }

        found.Sort();
        _counter = found.Count == 0 ? 0 : unchecked(found[^1].Counter + 1);
        return [.. found.Select(static entry => entry.Head)];
    }

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

    private static ulong Entry(ushort head) => HeaderLength + (EntryLength * head);

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
        for (ushort head = size; head < _count; head++)
        {
            ProtocolViolation.Unless(
                Load<byte>(Entry(head)) == 0, $"the memory for requests in flight names descriptor {head} of {size}");
        }
    }

    private T Load<T>(ulong offset)
        where T : unmanaged
    {
        if (!_memory.TryRead(_start + offset, out T value, out GuestMemoryFault fault) && !_fault.IsFault)
        {
            _fault = fault;
        }

        return value;
    }

    private void Store<T>(ulong offset, T value)
        where T : unmanaged
    {
        if (!_memory.TryWrite(_start + offset, value, out GuestMemoryFault fault) && !_fault.IsFault)
        {
            _fault = fault;
        }
    }
}
