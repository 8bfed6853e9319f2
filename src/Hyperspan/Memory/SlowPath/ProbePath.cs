using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Probes: each page is accessed as an access of its first byte would be, with whatever faults, handlers and bitmaps say.</summary>
internal static class ProbePath
{
    internal static bool TryProbe(GuestMemory memory, ulong address, ulong length, AccessType access, out GuestMemoryFault fault)
    {
        if (!memory.CheckRange(address, length, GuestMemoryOperation.Probe, out fault))
        {
            return false;
        }

        int pages = 0;
        for (ulong done = 0; done < length;)
        {
            if (++pages % Guard.PagesAtOnce == 0)
            {
                Guard.LetCollect();
            }

            ulong at = address + done;
            ulong piece = Math.Min(memory.RestOfPage(at), length - done);
            if (!TryAccess(memory, at, access, out fault) || (memory.Translation is not null && !TryRest(memory, at, piece, access, ref fault)))
            {
                fault = fault.As(GuestMemoryOperation.Probe, address, length);
                return false;
            }

            done += piece;
        }

        return true;
    }

    internal static bool TryProbePages(GuestMemory memory, ReadOnlySpan<ulong> pageNumbers, AccessType access, out GuestMemoryFault fault)
    {
        for (int index = 0; index < pageNumbers.Length; index++)
        {
            if (!memory.TryPageAddress(pageNumbers[index], index, GuestMemoryOperation.Probe, out ulong address, out fault))
            {
                return false;
            }

            if (!TryProbe(memory, address, 1, access, out fault))
            {
                fault = fault.WithoutRange(GuestMemoryOperation.Probe);
                return false;
            }
        }

        fault = default;
        return true;
    }

    /// <summary>
    /// Probes what follows a byte that can be accessed, in one page of translated addresses: memory may end inside the page that it is translated to. No two regions share
    /// one, so that what cannot be accessed is all from some byte on.
    /// </summary>
    private static bool TryRest(GuestMemory memory, ulong address, ulong length, AccessType access, ref GuestMemoryFault fault)
    {
        if (length < 2 || TryAccess(memory, address + (length - 1), access, out fault))
        {
            return true;
        }

        ulong there = 0;
        for (ulong missing = length - 1; missing - there > 1;)
        {
            ulong middle = there + ((missing - there) / 2);
            if (TryAccess(memory, address + middle, access, out GuestMemoryFault met))
            {
                there = middle;
            }
            else
            {
                (missing, fault) = (middle, met);
            }
        }

        return false;
    }

    private static bool TryAccess(GuestMemory memory, ulong address, AccessType access, out GuestMemoryFault fault)
    {
        if (access == AccessType.Read)
        {
            LoadOperation<byte> load = default;
            return SlowPath.Access(memory, address, 1, ref load, GuestMemoryOperation.Probe, out fault);
        }

        // Exchanges nothing, but is a write to the page. As in the source document.
        var exchange = new CompareExchangeOperation<byte>(0, 0);
        return SlowPath.Access(memory, address, 1, ref exchange, GuestMemoryOperation.Probe, out fault);
    }
}
