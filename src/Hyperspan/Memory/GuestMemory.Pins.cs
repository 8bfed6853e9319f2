using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>Pins.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Gets a value indicating whether all of this memory can be pinned. Asked of the backings; where it is <see langword="false"/>, pins may fail with
    /// <see cref="GuestMemoryFaultKind.NotPinnable"/>.
    /// </summary>
    public bool IsPinnable
    {
        get
        {
            foreach (MemoryRegion region in Clipped)
            {
                if (!region.Backing.IsPinnable)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>Pins whole pages, named by number.</summary>
    /// <param name="pageNumbers">Guest page numbers, in the order in which the pages will be used. A page may be named more than once.</param>
    /// <param name="access">What the pages are pinned for; each page is probed for it, after it was pinned.</param>
    /// <returns>The pin, with one piece a page.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be pinned or accessed; those before it have been unpinned again.</exception>
    public PinnedMemory PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access)
    {
        Require(TryPinPages(pageNumbers, access, out PinnedMemory? pinned, out GuestMemoryFault fault), fault);
        return pinned;
    }

    /// <summary>Pins whole pages and says why where it cannot; see <see cref="PinPages"/>.</summary>
    /// <param name="pageNumbers">Guest page numbers.</param>
    /// <param name="access">What the pages are pinned for.</param>
    /// <param name="pinned">The pin.</param>
    /// <param name="fault">Why there is none. It has no range, but the address of the page.</param>
    /// <returns>Whether the pages were pinned.</returns>
    public bool TryPinPages(
        ReadOnlySpan<ulong> pageNumbers,
        AccessType access,
        [NotNullWhen(true)] out PinnedMemory? pinned,
        out GuestMemoryFault fault)
    {
        OwnedPins pins = OwnedPins.Take();
        pinned = null;
        Unsafe.SkipInit(out fault);
        try
        {
            // Grows with what could be pinned, not with what is asked for.
            IoVector[] vectors = pins.Vectors(Math.Min(pageNumbers.Length, HeldPins.Batch));
            for (int done = 0; done < pageNumbers.Length;)
            {
                if (vectors.Length - done < Math.Min(pageNumbers.Length - done, HeldPins.Batch))
                {
                    vectors = pins.Vectors((int)Math.Min(pageNumbers.Length, vectors.Length * 2L));
                }

                int count = PinPath.TryPinRun(this, pins, pageNumbers, done, vectors.AsSpan(done), access, out fault);
                if (count == 0)
                {
                    return false;
                }

                done += count;
            }

            pinned = new PinnedMemory(this, pins, vectors, pageNumbers.Length, (ulong)pageNumbers.Length * GuestAddress.PageSize, access);
            fault = default;
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

    /// <summary>Pins the pages of a range.</summary>
    /// <param name="address">The guest-physical address of the first byte; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">What the pages are pinned for; each page is probed for it, after it was pinned.</param>
    /// <returns>The pin, with one piece for each contiguous run of host memory; the first and the last may be parts of a page.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be pinned or accessed; those before it have been unpinned again.</exception>
    public PinnedMemory Pin(GuestAddress address, ulong length, AccessType access)
    {
        Require(TryPin(address, length, access, out PinnedMemory? pinned, out GuestMemoryFault fault), fault);
        return pinned;
    }

    /// <summary>Pins the pages of a range to read and write them; see <see cref="Pin(GuestAddress, ulong, AccessType)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>The pin.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be pinned or written; those before it have been unpinned again.</exception>
    public PinnedMemory Pin(GuestAddress address, ulong length) => Pin(address, length, AccessType.Write);

    /// <summary>Pins the pages of a range to read and write them, and says why where it cannot; see <see cref="Pin(GuestAddress, ulong)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="pinned">The pin.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether the pages were pinned.</returns>
    public bool TryPin(GuestAddress address, ulong length, [NotNullWhen(true)] out PinnedMemory? pinned, out GuestMemoryFault fault) =>
        TryPin(address, length, AccessType.Write, out pinned, out fault);

    /// <summary>Pins the pages of a range and says why where it cannot; see <see cref="Pin(GuestAddress, ulong, AccessType)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="access">What the pages are pinned for.</param>
    /// <param name="pinned">The pin.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether the pages were pinned.</returns>
    public bool TryPin(
        GuestAddress address,
        ulong length,
        AccessType access,
        [NotNullWhen(true)] out PinnedMemory? pinned,
        out GuestMemoryFault fault)
    {
        OwnedPins pins = OwnedPins.Take();
        pinned = null;
        try
        {
            VectorList vectors = pins.TakeList();
            if (!PinPath.TryPinInto(this, pins, vectors, address.Value, length, access, out fault))
            {
                fault = fault.As(GuestMemoryOperation.Pin, address.Value, length);
                return false;
            }

            pinned = new PinnedMemory(this, pins, pins.Keep(vectors), vectors.Count, length, access);
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
