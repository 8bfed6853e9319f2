using System.Runtime.CompilerServices;

namespace Hyperspan.Synchronization;

/// <summary>
/// Read-copy-update: readers run in sections that cost about a nanosecond and never wait; a writer changes what they look at and
/// then waits until every section that may have seen the old state has ended.
/// </summary>
/// <remarks>
/// <para>
/// Domains are independent: a writer waits for sections of its own domain only. All members are thread-safe. A domain needs no
/// disposal; threads need no registration and may end at any time.
/// </para>
/// <para>
/// The promise: when <see cref="Synchronize"/> returns, every section that was running when it was called has ended, whatever was
/// read or written in those sections happened before, and every section entered later sees what the caller wrote before the
/// call. Sections entered during the call are not waited for, so readers that come and go all the time do not hold up a writer.
/// Read the protected state inside the section, by <see cref="Volatile"/> or another access that is really made there.
/// </para>
/// <para>
/// Why it holds. A reader stores "in a section" and then looks at the protected state; a writer stores the new state and
/// then looks who is in a section. One of them must see the other's store, and processors give that only if a full
/// fence stands between store and load on both sides. Readers on x86-64 leave theirs out (the volatile store keeps the JIT
/// from reordering); the writer makes all running threads of the process execute one
/// (<see cref="Interlocked.MemoryBarrierProcessWide"/>) between its two steps. If that fence hits a reader before the reader's
/// store, its later look sees the new state; if after, the store is visible and the writer waits. Elsewhere readers execute a
/// full fence. What a reader stores is the epoch, a number each writer makes larger before its fence: a section that has the
/// larger number read it after the writer's update, sees that update too, and need not be waited for. Leaving is a release store which the waiting writer reads with
/// acquire; that orders all a section did before all the writer does next, so no second barrier is needed. A thread that never entered, or went quiescent, executes a
/// full fence before its next section, which serves the same pairing without the process-wide barrier.
/// </para>
/// </remarks>
public sealed partial class RcuDomain
{
    private readonly int _index;

    /// <summary>Makes a domain.</summary>
    /// <param name="name">Names the domain in messages.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty.</exception>
    public RcuDomain(string name)
        : this(name, RcuRegistry.AcquireIndex())
    {
    }

    private RcuDomain(string name, int index)
    {
        // Before the check: the finalizer runs even if the constructor throws, and gives back this number.
        _index = index;
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
    }

    /// <summary>Gives the domain's number to another domain.</summary>
    ~RcuDomain()
    {
        // Zero when the constructor got no number.
        if (_index != RcuRegistry.GuestMemoryIndex)
        {
            RcuRegistry.ReleaseIndex(_index);
        }
    }

    /// <summary>
    /// The domain under which guest memory checks its access bitmaps. Whoever made a bitmap more restrictive synchronizes this
    /// domain before relying on it; <see cref="Hyperspan.GuestMemory.SynchronizeRestrictions"/> is another name for that.
    /// </summary>
    public static RcuDomain GuestMemory { get; } = new("guest memory", RcuRegistry.GuestMemoryIndex);

    /// <summary>The name given at construction.</summary>
    public string Name { get; }

    /// <summary>Whether the calling thread is in a section of this domain.</summary>
    public unsafe bool IsInSection
    {
        get
        {
            // SAFETY: slots are never freed.
            RcuSlot* slot = RcuThread.Current is { } thread ? thread.FindSlot(_index) : null;
            return slot != null && slot->IsInSection;
        }
    }

    /// <summary>
    /// The number under which threads keep their slots for this domain; given to another domain after this one is collected and its sections have ended.
    /// </summary>
    internal int Index => _index;

    /// <summary>
    /// Enters a section, which lasts until the result is disposed on this thread. Sections nest; the outermost counts.
    /// </summary>
    /// <returns>The section, for a <c>using</c> statement.</returns>
    /// <remarks>
    /// No fence and no atomic instruction on x86-64. The first section of a thread, and the first after <see cref="Quiesce"/>, pays
    /// a full fence. Do not block inside, and do not run handlers of others: a writer waits for it.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe RcuSection Enter()
    {
        // SAFETY: the slot belongs to this thread and is never freed.
        RcuSlot* slot = RcuThread.GetSlot(this);
        slot->Enter();

        // Until here, so that the finalizer finds the section when it gives the number to another domain.
        GC.KeepAlive(this);
        return new RcuSection(slot);
    }

    /// <summary>
    /// Says that the calling thread will be idle: writers need not disturb it, and when all threads of the domain but the writer's
    /// are idle, <see cref="Synchronize"/> issues no process-wide barrier. Entering a section ends that by itself.
    /// </summary>
    /// <remarks>Worth calling before a long wait; it makes the thread's next section dearer by one fence and a call.</remarks>
    /// <exception cref="InvalidOperationException">The calling thread is in a section of this domain.</exception>
    public void Quiesce()
    {
        if (IsInSection)
        {
            throw new InvalidOperationException($"The thread cannot go idle inside a section of the RCU domain '{Name}'.");
        }

        RcuThread.Current?.Detach(_index);
    }

    /// <inheritdoc/>
    public override string ToString() => $"RCU domain '{Name}'";
}
