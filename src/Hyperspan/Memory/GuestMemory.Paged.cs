using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Hyperspan.Streaming;

namespace Hyperspan;

/// <content>Bytes that lie scattered over pages.</content>
/// <remarks>
/// Pages with consecutive numbers are one access. Runs are accessed in order; the bounds of a run are checked before any of its bytes is accessed, and runs
/// before the one that fails have been accessed. The fault names no range, because there is no single one, but the lowest address of the failing run that could not be
/// accessed; a page number of 2^52 or more has no address, so neither has its fault. That pages lie in different regions is no crossing,
/// also in a strict memory.
/// </remarks>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Reads the bytes of a paged range.</summary>
    /// <param name="range">The range.</param>
    /// <param name="destination">As long as the range. Receives the bytes: all of them, or an unspecified part of them where the read fails.</param>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is not as long as <paramref name="range"/>.</exception>
    /// <exception cref="GuestMemoryException">Not all of the range could be read.</exception>
    public void Read(in PagedRange range, Span<byte> destination) => Require(TryRead(range, destination, out GuestMemoryFault fault), fault);

    /// <summary>Reads the bytes of a paged range and says why where it cannot. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="range">The range.</param>
    /// <param name="destination">As long as the range. Receives the bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is not as long as <paramref name="range"/>.</exception>
    public bool TryRead(in PagedRange range, Span<byte> destination, out GuestMemoryFault fault)
    {
        // SAFETY: pinned meanwhile, and as long as it says.
        fixed (byte* pinned = destination)
        {
            return TryRead(range, pinned, (ulong)destination.Length, out fault);
        }
    }

    /// <summary>Reads the bytes of a paged range into memory outside the garbage-collected heap.</summary>
    /// <param name="range">The range.</param>
    /// <param name="destination">Receives the bytes; valid for writes, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes of <paramref name="destination"/>: that of the range.</param>
    /// <exception cref="ArgumentException"><paramref name="length"/> is not that of <paramref name="range"/>.</exception>
    /// <exception cref="GuestMemoryException">Not all of the range could be read.</exception>
    public void Read(in PagedRange range, void* destination, ulong length) => Require(TryRead(range, destination, length, out GuestMemoryFault fault), fault);

    /// <summary>Reads the bytes of a paged range into memory outside the garbage-collected heap. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="range">The range.</param>
    /// <param name="destination">Receives the bytes; valid for writes, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes of <paramref name="destination"/>: that of the range.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    /// <exception cref="ArgumentException"><paramref name="length"/> is not that of <paramref name="range"/>.</exception>
    public bool TryRead(in PagedRange range, void* destination, ulong length, out GuestMemoryFault fault)
    {
        if (length != range.Length)
        {
            PagedThrow.LengthMismatch(length, range.Length);
        }

        return PagedPath.TryRead(this, range, (byte*)destination, out fault);
    }

    /// <summary>Writes the bytes of a paged range.</summary>
    /// <param name="range">The range.</param>
    /// <param name="source">The bytes; as many as the range has.</param>
    /// <exception cref="ArgumentException"><paramref name="source"/> is not as long as <paramref name="range"/>.</exception>
    /// <exception cref="GuestMemoryException">
    /// Not all of the range could be written; runs before the one that failed have been, and bytes of that below the fault's address may have been.
    /// </exception>
    public void Write(in PagedRange range, ReadOnlySpan<byte> source) => Require(TryWrite(range, source, out GuestMemoryFault fault), fault);

    /// <summary>Writes the bytes of a paged range and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="range">The range.</param>
    /// <param name="source">The bytes; as many as the range has.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    /// <exception cref="ArgumentException"><paramref name="source"/> is not as long as <paramref name="range"/>.</exception>
    public bool TryWrite(in PagedRange range, ReadOnlySpan<byte> source, out GuestMemoryFault fault)
    {
        // SAFETY: as for reading.
        fixed (byte* pinned = source)
        {
            return TryWrite(range, pinned, (ulong)source.Length, out fault);
        }
    }

    /// <summary>Writes the bytes of a paged range from memory outside the garbage-collected heap.</summary>
    /// <param name="range">The range.</param>
    /// <param name="source">The bytes; valid for reads, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes of <paramref name="source"/>: that of the range.</param>
    /// <exception cref="ArgumentException"><paramref name="length"/> is not that of <paramref name="range"/>.</exception>
    /// <exception cref="GuestMemoryException">
    /// Not all of the range could be written; runs before the one that failed have been, and bytes of that below the fault's address may have been.
    /// </exception>
    public void Write(in PagedRange range, void* source, ulong length) => Require(TryWrite(range, source, length, out GuestMemoryFault fault), fault);

    /// <summary>Writes the bytes of a paged range from memory outside the garbage-collected heap. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="range">The range.</param>
    /// <param name="source">The bytes; valid for reads, possibly changed by others meanwhile.</param>
    /// <param name="length">The length in bytes of <paramref name="source"/>: that of the range.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    /// <exception cref="ArgumentException"><paramref name="length"/> is not that of <paramref name="range"/>.</exception>
    public bool TryWrite(in PagedRange range, void* source, ulong length, out GuestMemoryFault fault)
    {
        if (length != range.Length)
        {
            PagedThrow.LengthMismatch(length, range.Length);
        }

        return PagedPath.TryWrite(this, range, (byte*)source, out fault);
    }

    /// <summary>Fills a paged range with one byte value.</summary>
    /// <param name="range">The range.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">
    /// Not all of the range could be written; runs before the one that failed have been, and bytes of that below the fault's address may have been.
    /// </exception>
    public void Fill(in PagedRange range, byte value) => Require(TryFill(range, value, out GuestMemoryFault fault), fault);

    /// <summary>Fills a paged range with one byte value and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="range">The range.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why not all of it could be written.</param>
    /// <returns>Whether all of it was written.</returns>
    public bool TryFill(in PagedRange range, byte value, out GuestMemoryFault fault) => PagedPath.TryFill(this, range, value, out fault);

    /// <summary>Fills a paged range with zeros.</summary>
    /// <param name="range">The range.</param>
    /// <exception cref="GuestMemoryException">
    /// Not all of the range could be written; runs before the one that failed have been, and bytes of that below the fault's address may have been.
    /// </exception>
    public void Clear(in PagedRange range) => Fill(range, 0);

    /// <summary>Fills a paged range with zeros and says why where it cannot. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="range">The range.</param>
    /// <param name="fault">Why not all of it could be written.</param>
    /// <returns>Whether all of it was written.</returns>
    public bool TryClear(in PagedRange range, out GuestMemoryFault fault) => TryFill(range, 0, out fault);

    /// <summary>Gives the address of a run, or the fault of one that has none: only then is there a fault.</summary>
    internal bool TryStartRun(in PagedRun run, GuestMemoryOperation name, out ulong address, out GuestMemoryFault fault)
    {
        if (!run.IsValid)
        {
            return TryPageAddress(run.FirstPageNumber, run.InvalidIndex, name, out address, out fault);
        }

        Unsafe.SkipInit(out fault);
        address = run.Start;
        return true;
    }

    /// <summary>
    /// How much of a run may be one access: all of it, except in a strict memory, where whole pages up to the end of the region are. Only a single page
    /// that two regions share is then left to be refused.
    /// </summary>
    internal ulong PieceOfRun(ulong address, ulong length)
    {
        if (!_strict || Find(address) is not { } region)
        {
            return length;
        }

        ulong here = region.LengthFrom(address);
        return here < length && ((address + here) & (GuestAddress.PageSize - 1)) == 0 ? here : length;
    }

    /// <summary>Pins the pages of a paged range.</summary>
    /// <param name="range">The range; it may span its first and its last page in part.</param>
    /// <param name="access">What the pages are pinned for; each page is probed for it, after it was pinned.</param>
    /// <returns>The pin, with one piece for each run that is contiguous in host memory.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be pinned or accessed; those before it have been unpinned again.</exception>
    public PinnedMemory Pin(in PagedRange range, AccessType access)
    {
        Require(TryPin(range, access, out PinnedMemory? pinned, out GuestMemoryFault fault), fault);
        return pinned;
    }

    /// <summary>Pins the pages of a paged range and says why where it cannot; see <see cref="Pin(in PagedRange, AccessType)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="access">What the pages are pinned for.</param>
    /// <param name="pinned">The pin.</param>
    /// <param name="fault">Why there is none. It has no range, but the address that failed.</param>
    /// <returns>Whether the pages were pinned.</returns>
    public bool TryPin(
        in PagedRange range,
        AccessType access,
        [NotNullWhen(true)] out PinnedMemory? pinned,
        out GuestMemoryFault fault)
    {
        OwnedPins pins = OwnedPins.Take();
        pinned = null;
        fault = default;
        try
        {
            VectorList vectors = pins.TakeList();
            foreach (PagedRun run in range.Runs)
            {
                if (!PinPath.TryPinRun(this, pins, vectors, run, access, out fault))
                {
                    return false;
                }
            }

            pinned = new PinnedMemory(this, pins, pins.Keep(vectors), vectors.Count, range.Length, access);
            return true;
        }
        finally
        {
            if (pinned is null)
            {
                pins.Abandon();
            }
        }
    }
}
