using System.Diagnostics.CodeAnalysis;

using Hyperspan.Synchronization;

namespace Hyperspan;

public abstract partial class GuestMemoryBacking : IDisposable
{
    // Bit 31: closed. The rest: calls under way and pins held. Release runs when the bit is set and the rest is zero.
    private const int Closed = int.MinValue;

    // What is to have come before the addresses are given back; both, in any order.
    private const int Released = 1;
    private const int UnmapAsked = 2;

    private readonly Lock _attachLock = new();
    private readonly List<WeakReference<GuestMemory>> _attached = [];
    private PinnedRanges? _pinnedRanges;
    private volatile bool _keepsAddresses;
    private int _uses;
    private int _ending;

    /// <summary>Gets a value indicating whether <see cref="Dispose"/> has been called.</summary>
    public bool IsDisposed => Volatile.Read(ref _uses) < 0;

    /// <summary>
    /// Closes every memory made over this backing and releases it. Accesses under way succeed or fail with <see cref="GuestMemoryFaultKind.Disposed"/>;
    /// while pages are pinned or a call is under way, the release waits for the last of them. Idempotent and thread-safe.
    /// </summary>
    [SuppressMessage("Usage", "CA1816", Justification = "What must outlive the disposal is left to finalizers of derived classes, which therefore run.")]
    public void Dispose()
    {
        // The disposal is a use itself: nothing is released before every memory knows.
        if (!TryAddUse(Closed))
        {
            return;
        }

        using (UninterruptedLock.Enter(_attachLock))
        {
            foreach (WeakReference<GuestMemory> reference in _attached)
            {
                if (reference.TryGetTarget(out GuestMemory? memory))
                {
                    memory.OnBackingClosed(this);
                }
            }

            // Those that still have the addresses, which they must not lose.
            _attached.RemoveAll(reference => !reference.TryGetTarget(out GuestMemory? memory) || !memory.HasAddressesOf(this));
        }

        EndUse();
    }

    /// <summary>
    /// Does what <see cref="Dispose"/> does and gives the address range back too, rather than leaving that to a finalizer: at once, or, while pages are pinned or a call
    /// is under way, with the last of them. Idempotent and thread-safe, also after <see cref="Dispose"/>.
    /// </summary>
    /// <remarks>
    /// <para>
    /// For whoever knows that the last access is over, and it cannot be checked here: no thread may be in an access to a memory made over this backing or to a view of
    /// one; the threads that made accesses have been joined, for instance. Otherwise such an access may meet what another one was given at these addresses.
    /// </para>
    /// <para>
    /// Dispose the memories first: one that is disposed itself refuses every access. While one that is not is referred to, or where one has made slices, the range is left
    /// to the finalizer, and accesses fail as they do after <see cref="Dispose"/>; when such a memory, without slices, has been disposed, call this again.
    /// </para>
    /// </remarks>
    public void DisposeAndUnmap()
    {
        try
        {
            Dispose();
        }
        finally
        {
            if (!HasOpenMemories())
            {
                EndStep(UnmapAsked);
            }
        }
    }

    /// <summary>Keeps this backing from being released, and from now on knows which of its pages are pinned.</summary>
    /// <returns>The hold. One that is never disposed keeps the memory for the life of the process.</returns>
    /// <exception cref="ObjectDisposedException">This backing has been disposed.</exception>
    public BackingHold Hold()
    {
        BeginUse();
        return new BackingHold(this, NotePins());
    }

    /// <summary>Has noted what is pinned from now on.</summary>
    private protected PinnedRanges NotePins() => _pinnedRanges ?? Interlocked.CompareExchange(ref _pinnedRanges, new PinnedRanges(), null) ?? _pinnedRanges;

    /// <summary>Gets where pins are to be noted, or <see langword="null"/> where nobody asks for them.</summary>
    internal PinnedRanges? PinnedRanges => Volatile.Read(ref _pinnedRanges);

    /// <summary>Registers a memory to be closed with this backing.</summary>
    /// <exception cref="ObjectDisposedException">This backing has been disposed.</exception>
    internal void Attach(GuestMemory memory)
    {
        using (UninterruptedLock.Enter(_attachLock))
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);

            // Memories that have been collected leave their entry behind; drop them whenever the list would grow.
            if (_attached.Count == _attached.Capacity)
            {
                _attached.RemoveAll(static reference => !reference.TryGetTarget(out _));
            }

            _attached.Add(new WeakReference<GuestMemory>(memory));
            if (_trackers is not null)
            {
                memory.OnTrackersChanged(this);
                memory.OnTracked(this, tracked: true);
            }
        }
    }

    /// <summary>Forgets a memory that was closed and leaves this backing open.</summary>
    internal void Detach(GuestMemory memory)
    {
        using (UninterruptedLock.Enter(_attachLock))
        {
            _attached.RemoveAll(reference => !reference.TryGetTarget(out GuestMemory? target) || target == memory);
        }
    }

    /// <summary>Leaves the addresses to the finalizer: somebody may still access them by what refers to this.</summary>
    internal void KeepAddresses() => _keepsAddresses = true;

    /// <summary>
    /// Whether an access that begins now may still touch the addresses, though it fails: such a memory looks whether its region is there when it has accessed it.
    /// </summary>
    private bool HasOpenMemories()
    {
        using (UninterruptedLock.Enter(_attachLock))
        {
            return _keepsAddresses || _attached.Exists(reference => reference.TryGetTarget(out GuestMemory? memory) && memory.HasAddressesOf(this));
        }
    }

    /// <summary>
    /// Gets a value indicating whether a memory made over this backing is still there. One that nothing refers to any more counts until it is collected.
    /// </summary>
    internal bool HasLiveAttachments
    {
        get
        {
            using (UninterruptedLock.Enter(_attachLock))
            {
                _attached.RemoveAll(static reference => !reference.TryGetTarget(out _));
                return _attached.Count != 0;
            }
        }
    }

    /// <summary>Keeps <see cref="Release"/> away until <see cref="EndUse"/>; fails once the backing is closed.</summary>
    internal bool TryBeginUse() => TryAddUse(0);

    /// <summary>Ends a use. The last one of a closed backing releases it, and throws what that throws.</summary>
    internal void EndUse()
    {
        // Once closed it never goes up again: one of them alone gets to zero.
        if (Interlocked.Decrement(ref _uses) == Closed)
        {
            try
            {
                Release();
            }
            finally
            {
                EndStep(Released);
            }
        }
    }

    /// <summary>As <see cref="TryBeginUse"/>, for methods that throw.</summary>
    /// <exception cref="ObjectDisposedException">This backing has been disposed.</exception>
    private protected void BeginUse() => ObjectDisposedException.ThrowIf(!TryBeginUse(), this);

    private void EndStep(int step)
    {
        if ((Interlocked.Or(ref _ending, step) | step) == (Released | UnmapAsked))
        {
            ReleaseAddresses();
        }
    }

    /// <summary>Adds a use unless the backing is closed, and closes it in the same step if asked to.</summary>
    private bool TryAddUse(int closing)
    {
        int uses = Volatile.Read(ref _uses);
        while (uses >= 0)
        {
            int seen = Interlocked.CompareExchange(ref _uses, (uses + 1) | closing, uses);
            if (seen == uses)
            {
                return true;
            }

            uses = seen;
        }

        return false;
    }
}
