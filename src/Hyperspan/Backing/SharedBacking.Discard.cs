using System.Globalization;

using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;

namespace Hyperspan;

/// <content>Giving pages back to the system.</content>
public sealed unsafe partial class SharedBacking
{
    private readonly ulong _pageSize;
    private readonly PinnedRanges? _pins;

    // Used while nothing can be pinned.
    private readonly List<DiscardedParts> _liveSaves = [];

    /// <summary>Gives pages back to the system, for a guest that has no use for them. They read as zeros afterwards, and take memory again when they are touched.</summary>
    /// <param name="offset">The first byte, a multiple of the page size: 4 KiB, or that of the huge pages that it is made of.</param>
    /// <param name="length">The length in bytes, a multiple of the page size.</param>
    /// <remarks>
    /// <para>
    /// The pages go for everybody who maps this memory, other processes and KVM guests too (a hole is punched into the file: fallocate(2)). An access at the same time is done
    /// before or after, byte by byte. Whoever keeps track of writes is told of one. A snapshot of this memory that is being saved live has what the pages held at its moment: what
    /// it has not come to is copied first.
    /// </para>
    /// <para>
    /// A system whose own pages are larger than 4 KiB takes back whole ones of them: of the rest of a range it keeps the memory, and makes it zeros.
    /// </para>
    /// <para>
    /// Pages that are pinned are not given back: not to lose what is transferred into them, nothing of the range is. Pins of other processes, and whatever a peer does to
    /// pages that it maps, are not known here.
    /// </para>
    /// </remarks>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of the page size.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    /// <exception cref="InvalidOperationException">A page in the range is pinned: nothing was given back. Or this memory is not discardable.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused.</exception>
    /// <exception cref="ObjectDisposedException">This memory has been disposed.</exception>
    public void Discard(ulong offset, ulong length)
    {
        if (!TryDiscard(offset, length, out ulong pinned))
        {
            throw new InvalidOperationException(
                string.Create(CultureInfo.InvariantCulture, $"'{Name}': cannot discard 0x{offset:x}-0x{offset + length:x}: page {pinned >> PageMath.PageShift} is pinned."));
        }
    }

    /// <summary>Does what <see cref="Discard"/> does, unless a page in the range is pinned: where a guest says which pages it has no use for.</summary>
    /// <param name="offset">The first byte, a multiple of the page size.</param>
    /// <param name="length">The length in bytes, a multiple of the page size.</param>
    /// <param name="pinned">Where the lowest page of 4 KiB begins that is pinned, if one is; else zero.</param>
    /// <returns>Whether the pages were given back; otherwise none was.</returns>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of the page size.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    /// <exception cref="InvalidOperationException">This memory is not discardable.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused.</exception>
    /// <exception cref="ObjectDisposedException">This memory has been disposed.</exception>
    public bool TryDiscard(ulong offset, ulong length, out ulong pinned)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        if (((offset | length) & (_pageSize - 1)) != 0)
        {
            throw new ArgumentException($"0x{offset:x} and 0x{length:x} are not multiples of the page size of 0x{_pageSize:x} bytes.", nameof(offset));
        }

        if (_pins is not { } pins)
        {
            throw new InvalidOperationException($"'{Name}' was not made discardable: which of its pages are pinned is not known.");
        }

        pinned = 0;
        BeginUse();
        try
        {
            if (length == 0)
            {
                return true;
            }

            int error = 0;
            ulong? page = pins.RunUnpinned(
                offset >> PageMath.PageShift,
                (offset + length) >> PageMath.PageShift,
                () =>
                {
                    if (_liveSaves.Count != 0)
                    {
                        KeepForLiveSaves(offset, offset + length);
                    }

                    error = Allocate(FileAllocation.PunchHole | FileAllocation.KeepSize, offset, length);
                });
            if (page is { } first)
            {
                pinned = first << PageMath.PageShift;
                return false;
            }

            // Also where it failed: a part may have gone.
            MarkWritten(offset, length);
            return error == 0 ? true : throw new GuestMemoryMappingException("discard", error, Name, (offset, length));
        }
        finally
        {
            EndUse();
        }
    }

    /// <summary>Gets a value indicating whether pages can be given back.</summary>
    internal bool IsDiscardable => _pins is not null;

    /// <summary>Has nothing be given back until <see cref="LetDiscard"/>: while memory is protected for a live save, nothing that was not protected yet may go.</summary>
    internal void HoldDiscards() => _pins?.Hold();

    /// <summary>Ends what <see cref="HoldDiscards"/> began, by the same thread.</summary>
    internal void LetDiscard() => _pins?.LetGo();

    /// <summary>Has what is given back kept and noted first. Between <see cref="HoldDiscards"/> and <see cref="LetDiscard"/>.</summary>
    internal void BeginLiveSave(DiscardedParts discarded) => _liveSaves.Add(discarded);

    /// <summary>Ends what <see cref="BeginLiveSave"/> began.</summary>
    internal void EndLiveSave(DiscardedParts discarded) => _liveSaves.Remove(discarded);

    /// <summary>
    /// Writes to each page that there is, without changing it: one that is protected for a live save is copied before the write is let through. What is a hole has nothing to be
    /// kept, and becomes none by whoever writes there first.
    /// </summary>
    private void KeepForLiveSaves(ulong offset, ulong end)
    {
        ShareableRegion file = _file.GetShareableRegions(this)[0];
        while (offset < end && PresentPages.TryNextInFile(file, offset, end, out ulong at, out offset))
        {
            foreach (DiscardedParts discarded in _liveSaves)
            {
                discarded.Mark(at, offset - at);
            }

            for (; at < offset; at += _pageSize)
            {
                // May wait in the kernel, as any write of anybody. Where there is no page, and none to be had, nothing is lost.
                _ = Guard.ProbeWrite(_file.Address + at, mayBlock: true);
            }
        }
    }
}
