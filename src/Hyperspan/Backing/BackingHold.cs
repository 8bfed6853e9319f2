using System.Diagnostics;

namespace Hyperspan;

/// <summary>
/// Keeps a backing from being released, for whoever gives its mapping to somebody who knows nothing of it: a hypervisor's memory slot. The mapping stays, also where the
/// backing is disposed, until this is.
/// </summary>
/// <remarks>Made by <see cref="GuestMemoryBacking.Hold"/>. All members are safe to use from any thread.</remarks>
[DebuggerDisplay("{Backing}")]
public sealed class BackingHold : IDisposable
{
    private readonly PinnedRanges _pinned;
    private int _ended;

    internal BackingHold(GuestMemoryBacking backing, PinnedRanges pinned)
    {
        Backing = backing;
        _pinned = pinned;
    }

    /// <summary>Gets the backing.</summary>
    public GuestMemoryBacking Backing { get; }

    /// <summary>
    /// Finds a page that is pinned by a <see cref="PinnedMemory"/> or a request of a <see cref="GuestIoVectors"/> taken since the backing was first held.
    /// </summary>
    /// <param name="offset">The first byte to look at, in bytes from the start of the backing.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="pinned">Where the lowest such page begins.</param>
    /// <returns>Whether there is one. What is pinned or unpinned meanwhile may be seen or not.</returns>
    public bool TryFindPinned(ulong offset, ulong length, out ulong pinned)
    {
        ulong? page = length == 0
            ? null
            : _pinned.FirstIn(offset >> GuestAddress.PageShift, ((offset + (length - 1)) >> GuestAddress.PageShift) + 1);
        pinned = (page ?? 0) << GuestAddress.PageShift;
        return page is not null;
    }

    /// <summary>Lets the backing go. Idempotent.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            Backing.EndUse();
        }
    }
}
