using System.Diagnostics.CodeAnalysis;

namespace Hyperspan;

/// <content>Pins of paged ranges.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Pins the pages of a paged range.</summary>
    /// <param name="range">The range; it may span its first and its last page in part.</param>
    /// <param name="access">What the pages are pinned for; each page is probed for it, after it was pinned.</param>
    /// <returns>The pin, with one piece for each run that is contiguous in host memory.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be pinned or accessed; those before it have been unpinned again.</exception>
    public PinnedMemory Pin(in PagedRange range, AccessType access)
    {
        if (!TryPin(range, access, out PinnedMemory? pinned, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

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
        using var vectors = new VectorList(Math.Min(range.PageNumbers.Length, HeldPins.Batch));
        var pins = new HeldPins(forSpans: true);
        pinned = null;
        fault = default;
        try
        {
            foreach (PagedRun run in range.Runs)
            {
                if (!TryPinRun(pins, vectors, run, access, out fault))
                {
                    return false;
                }
            }

            pinned = Keep(pins, vectors, range.Length, access);
            return true;
        }
        finally
        {
            if (pinned is null)
            {
                pins.Undo(0);
            }
        }
    }

    /// <summary>Pins one run of a paged range and appends its pieces; undoes the run where it fails.</summary>
    internal bool TryPinRun(
        HeldPins pins,
        VectorList vectors,
        in PagedRun run,
        AccessType access,
        out GuestMemoryFault fault)
    {
        if (!run.IsValid)
        {
            fault = GuestMemoryFault.OfPageNumber(Name, GuestMemoryOperation.Pin, run.FirstPageNumber, run.InvalidIndex);
            return false;
        }

        if (!TryPinInto(pins, vectors, run.Address.Value, run.Length, access, out fault))
        {
            fault = fault.WithoutRange(GuestMemoryOperation.Pin);
            return false;
        }

        return true;
    }
}
