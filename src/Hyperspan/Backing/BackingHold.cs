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
    private readonly LockedRanges _locked;
    private int _ended;

    internal BackingHold(GuestMemoryBacking backing, LockedRanges locked)
    {
        Backing = backing;
        _locked = locked;
    }

    /// <summary>Gets the backing.</summary>
    public GuestMemoryBacking Backing { get; }

    /// <summary>
    /// Finds a page that is locked by a <see cref="LockedMemory"/> or a request of a <see cref="GuestIoVectors"/> taken since the backing was first held.
    /// </summary>
    /// <param name="offset">The first byte to look at, in bytes from the start of the backing.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="locked">Where the lowest such page begins.</param>
    /// <returns>Whether there is one. What is locked or unlocked meanwhile may be seen or not.</returns>
    public bool TryFindLocked(ulong offset, ulong length, out ulong locked)
    {
        ulong? page = length == 0
            ? null
            : _locked.FirstIn(offset >> GuestAddress.PageShift, ((offset + (length - 1)) >> GuestAddress.PageShift) + 1);
        locked = (page ?? 0) << GuestAddress.PageShift;
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
