using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>
/// The record of one queue's requests in flight (vhost-user, "Inflight I/O tracking"), in memory that the front end keeps while back ends come and go.
/// </summary>
/// <remarks>
/// The front end may have changed it: every index in it is checked, and every access may fail. The first fault stays. Stores are in program order, as the
/// processor makes them visible to whoever reads them after this process has died.
/// </remarks>
internal abstract class InflightQueue
{
    private const ulong Alignment = 64;

    /// <summary>The version of the record; zero where there is none yet. In both layouts it follows eight bytes of features, which are zero.</summary>
    protected const ulong VersionOffset = 8;

    /// <summary>How many descriptors there is room for.</summary>
    protected const ulong CountOffset = 10;

    /// <summary>In an entry, whose first byte says that a request is in flight: when it was taken, counted. The same in both layouts.</summary>
    protected const ulong CounterOffset = 8;

    protected const ushort Version = 1;

    private readonly GuestMemory _memory;
    private readonly ulong _start;
    private readonly ulong _headerLength;
    private readonly ulong _entryLength;
    private GuestMemoryFault _fault;

    /// <summary>Initializes a new instance of the <see cref="InflightQueue"/> class.</summary>
    /// <param name="memory">The memory of all queues' records.</param>
    /// <param name="start">Where this queue's record begins.</param>
    /// <param name="count">The number of descriptors there is room for.</param>
    /// <param name="headerLength">What comes before the entries.</param>
    /// <param name="entryLength">The length of each.</param>
    private protected InflightQueue(GuestMemory memory, ulong start, ushort count, ulong headerLength, ulong entryLength)
    {
        _headerLength = headerLength;
        _entryLength = entryLength;
        _memory = memory;
        _start = start;
        Count = count;
    }

    /// <summary>Gets the first fault met; not a fault where there was none.</summary>
    internal GuestMemoryFault Fault => _fault;

    /// <summary>Gets what a queue tells of its requests.</summary>
    internal abstract IInflightTracker Tracker { get; }

    /// <summary>Gets the number of descriptors there is room for.</summary>
    protected ushort Count { get; }

    /// <summary>Gets the length of the record of one queue.</summary>
    internal static ulong LengthFor(ushort count, bool isPacked) =>
        ((isPacked ? PackedInflightQueue.LengthFor(count) : SplitInflightQueue.LengthFor(count)) + Alignment - 1) & ~(Alignment - 1);

    /// <summary>
    /// Brings the record in line with the ring: a back end may have died between publishing requests and taking them off the record. Where there was none, an empty one is made.
    /// </summary>
    /// <param name="guest">The guest's memory.</param>
    /// <param name="layout">The ring: not larger than the record.</param>
    /// <param name="at">Where the front end says that the ring goes on.</param>
    /// <returns>Where it does.</returns>
    /// <exception cref="ProtocolViolation">The record makes no sense, or cannot be accessed.</exception>
    internal abstract VringBase Recover(GuestMemory guest, VirtQueueLayout layout, VringBase at);

    /// <summary>Nothing is in flight, and the front end knows where the ring goes on: that counts when it is started again.</summary>
    internal virtual void Forget()
    {
    }

    /// <summary>Has a queue give out the requests in flight again, oldest first. Only while none is being worked on.</summary>
    /// <returns>How many there are.</returns>
    internal abstract int Resubmit(VirtQueue queue);

    /// <summary>Gets where an entry begins.</summary>
    protected ulong Entry(ushort index) => _headerLength + (_entryLength * index);

    /// <summary>Lists the entries of requests in flight, oldest first.</summary>
    /// <param name="counter">What the next one is counted by.</param>
    protected ushort[] FindMarked(out ulong counter)
    {
        var found = new List<(ulong Counter, ushort Entry)>();
        for (ushort entry = 0; entry < Count; entry++)
        {
            if (Load<byte>(Entry(entry)) != 0)
            {
                found.Add((Load<ulong>(Entry(entry) + CounterOffset), entry));
            }
        }

        found.Sort();
        counter = found.Count == 0 ? 0 : unchecked(found[^1].Counter + 1);
        return [.. found.Select(static marked => marked.Entry)];
    }

    protected T Load<T>(ulong offset)
        where T : unmanaged
    {
        if (!_memory.TryRead(_start + offset, out T value, out GuestMemoryFault fault) && !_fault.IsFault)
        {
            _fault = fault;
        }

        return value;
    }

    protected void Store<T>(ulong offset, T value)
        where T : unmanaged
    {
        if (!_memory.TryWrite(_start + offset, value, out GuestMemoryFault fault) && !_fault.IsFault)
        {
            _fault = fault;
        }
    }

    /// <summary>Makes sure that all of the record could be accessed so far.</summary>
    protected void RequireAccess() => ProtocolViolation.Unless(!_fault.IsFault, $"the memory for requests in flight: {_fault}");

    protected static void RequireVersion(ushort version) =>
        ProtocolViolation.Unless(version == Version, $"the memory for requests in flight has the unknown version {version}");
}
