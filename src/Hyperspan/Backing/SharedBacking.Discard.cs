using System.Globalization;

using Hyperspan.Interop.Linux;

namespace Hyperspan;

/// <content>Giving pages back to the system.</content>
public sealed unsafe partial class SharedBacking
{
    private readonly ulong _pageSize;
    private readonly PinnedRanges? _pins;

    /// <summary>Gives pages back to the system, for a guest that has no use for them. They read as zeros afterwards, and take memory again when they are touched.</summary>
    /// <param name="offset">The first byte, a multiple of the page size: 4 KiB, or that of the huge pages that it is made of.</param>
    /// <param name="length">The length in bytes, a multiple of the page size.</param>
    /// <remarks>
    /// <para>
    /// The pages go for everybody who maps this memory, other processes and KVM guests too (a hole is punched into the file: fallocate(2)). An access at the same time is done
    /// before or after, byte by byte. Whoever keeps track of writes is told of one. A snapshot that is being saved live has zeros for pages that it had not come to.
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
                () => error = Allocate(FileAllocation.PunchHole | FileAllocation.KeepSize, offset, length));
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
}
