namespace Hyperspan;

/// <summary>
/// Says whether direct accesses still count. One a root memory, shared with its subranges, looked at after each direct access.
/// </summary>
/// <remarks>
/// Memory that cannot fault stays accessible after its backing was disposed, until nothing refers to it; what is in it then is meaningless. So a direct access
/// asks afterwards. If the gate was still open after a load, the load came before the disposal (loads are not reordered with loads), and its value is good.
/// A store that found it open was issued before the gate closed; taking the pages away needs a TLB shootdown, whose interrupt drains the store.
/// Closing is thus exact and costs the access one compare of a word that is never written meanwhile.
/// <para>
/// It never becomes calm again once it was disturbed, not even when the region is long gone: nothing says when the last access has looked that had passed the region's
/// limit before. A thread may stand still between its compare and its load for as long as the system likes; back then, to a calm gate, it would take what is meaningless
/// for a value. To let it know would cost every access a second look, before the load.
/// </para>
/// </remarks>
internal sealed class MemoryGate
{
    /// <summary>A gate that has always been disturbed: every access past it asks.</summary>
    internal static readonly MemoryGate Disturbed = new() { _disturbed = 1, _writesDisturbed = 1 };

    private int _disturbed;

    // What stores look at: one for the disturbance above, and one for each backing whose writes are tracked.
    private int _writesDisturbed;

    /// <summary>Gets a value indicating whether some region may have been closed: then the general path says which.</summary>
    internal bool IsDisturbed => Volatile.Read(ref _disturbed) != 0;

    /// <summary>Gets a value indicating whether a store is not over with itself: some region may have been closed, or somebody is to be told of writes.</summary>
    internal bool AreWritesDisturbed => Volatile.Read(ref _writesDisturbed) != 0;

    internal void Disturb()
    {
        Volatile.Write(ref _disturbed, 1);
        Interlocked.Increment(ref _writesDisturbed);
    }

    /// <summary>
    /// Has stores tell the trackers of a backing, or one less. This may become calm again: a store that had passed its limit long before looks when it is done, and whether
    /// somebody is to be told is decided by that moment.
    /// </summary>
    internal void Track(bool tracked) => Interlocked.Add(ref _writesDisturbed, tracked ? 1 : -1);
}
