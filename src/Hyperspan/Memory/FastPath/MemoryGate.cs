using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Hyperspan;

/// <summary>
/// Says whether direct accesses still count. One a root memory, shared with its slices, looked at after each direct access.
/// </summary>
/// <remarks>
/// Memory that cannot fault stays accessible after its backing was disposed, until nothing refers to it; what is in it then is meaningless. So a direct access
/// asks afterwards. If the gate was still open after a load, the load came before the disposal, and its value is good: x86 does not reorder loads with loads.
/// A store that found it open was issued before the gate closed; taking the pages away needs a TLB shootdown, whose interrupt drains the store.
/// Closing is thus exact and costs the access one compare of a word that is never written meanwhile.
/// <para>
/// Other processors may look at the gate before the access has been done, and take pages away without an interrupt. There whoever closes the gate interrupts each running
/// thread before anything is taken away: one that is interrupted after its look has done its access by then, and one that is interrupted before it finds the gate closed.
/// </para>
/// <para>
/// It never becomes calm again once it was disturbed, not even when the region is long gone: nothing says when the last access has looked that had passed the region's
/// limit before. A thread may stand still between its compare and its load for as long as the system likes; back then, to a calm gate, it would take what is meaningless
/// for a value. To let it know would cost every access a second look, before the load.
/// </para>
/// </remarks>
internal sealed class MemoryGate
{
    private int _disturbed;

    // What stores look at: one for the disturbance above, and one for each backing whose writes are tracked.
    private int _writesDisturbed;

    /// <summary>Initializes a new instance of the <see cref="MemoryGate"/> class, calm.</summary>
    /// <param name="root">The memory that it is for, which is no slice.</param>
    /// <param name="name">Its name.</param>
    internal MemoryGate(GuestMemory root, string name)
    {
        Root = root;
        Name = name;
    }

    /// <summary>Initializes a new instance of the <see cref="MemoryGate"/> class that has always been disturbed: every access past it asks.</summary>
    /// <param name="shown">The place of the view that it is for.</param>
    internal MemoryGate(ShownPlace shown)
        : this(shown.Memory.Gate.Root, shown.Memory.Name)
    {
        Shown = shown;
        Mark();
    }

    /// <summary>Gets the memory that is no slice: what all that pass this gate were made from.</summary>
    internal GuestMemory Root { get; }

    /// <summary>Gets its name, which slices have as well.</summary>
    internal string Name { get; }

    /// <summary>Gets where a view that shows a memory which a backing has made lies in the memory it was made from. What is written to it is written there.</summary>
    internal ShownPlace? Shown { get; }

    /// <summary>Gets a value indicating whether some region may have been closed: then the slow path says which.</summary>
    internal bool IsDisturbed => Volatile.Read(ref _disturbed) != 0;

    /// <summary>Gets a value indicating whether a store is not over with itself: some region may have been closed, or somebody is to be told of writes.</summary>
    internal bool AreWritesDisturbed => Volatile.Read(ref _writesDisturbed) != 0;

    /// <summary>Whether an access that was done is over with itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsCalm(AccessType access) => access == AccessType.Write ? !AreWritesDisturbed : !IsDisturbed;

    /// <summary>Closes the gate. Before anything is taken away.</summary>
    internal void Disturb()
    {
        Mark();
        if (!X86Base.IsSupported)
        {
            Interlocked.MemoryBarrierProcessWide();
        }
    }

    /// <summary>
    /// Has stores tell the trackers of a backing, or one less. This may become calm again: a store that had passed its limit long before looks when it is done, and whether
    /// somebody is to be told is decided by that moment.
    /// </summary>
    internal void Track(bool tracked) => Interlocked.Add(ref _writesDisturbed, tracked ? 1 : -1);

    private void Mark()
    {
        Volatile.Write(ref _disturbed, 1);
        Interlocked.Increment(ref _writesDisturbed);
    }
}
