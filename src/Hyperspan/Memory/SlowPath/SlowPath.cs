using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <summary>
/// The way of every access that no fast path serves: the check of bounds, then region by region plain or guarded accesses, faults, what the backing says to them, retries
/// and fallbacks. It always starts over; see docs/architecture.md.
/// </summary>
[SkipLocalsInit]
internal static unsafe class SlowPath
{
    // A handler that says Retry this often without the access getting any further is taken to make no progress. Honest handlers need one retry,
    // or a few where other threads take pages away meanwhile.
    private const int MaxRetries = 1000;

    /// <summary>Does an operation on a range, region by region.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="name">What the caller asked for.</param>
    /// <param name="fault">Why it could not be done.</param>
    /// <param name="obstacle">
    /// Where it is a signal, a guarded access to all of the range has met it a moment ago. It is then not tried again before the backing was asked.
    /// </param>
    internal static bool Access<TOperation>(
        GuestMemory memory, ulong address, ulong length, ref TOperation operation, GuestMemoryOperation name, out GuestMemoryFault fault, Obstacle obstacle = Obstacle.NotReached)
        where TOperation : struct, IRegionOperation
    {
        if (!memory.CheckRange(address, length, name, out fault))
        {
            return false;
        }

        foreach (RegionPiece piece in new RegionPieces(memory, address, length))
        {
            if (piece.Region is not { } region)
            {
                // The range was there a moment ago: the memory was closed meanwhile.
                fault = memory.DisposedFault(name, address, length, piece.Address);
                return false;
            }

            // Callers have seen to it; but translations lead to where a region may begin at any address.
            if (operation.IsAtomic && (region.InBacking(piece.Address) & (length - 1)) != 0)
            {
                fault = memory.FaultIn(
                    region, new RegionFault(GuestMemoryFaultKind.Misaligned, FaultCause.Check, piece.Address - region.Start), name, (address, length));
                return false;
            }

            if (region.Translated is { } translated)
            {
                if (!translated.Owner.TryAccess(
                    memory, piece.Address, translated.Start + region.InBacking(piece.Address), piece.Length, ref operation, name, (address, length), out fault))
                {
                    return false;
                }

                continue;
            }

            if (!AccessRegion(memory, region, piece.Address - region.Start, piece.Length, ref operation, obstacle, out RegionFault met))
            {
                fault = memory.FaultIn(region, met, name, (address, length));
                return false;
            }
        }

        return true;
    }

    /// <summary>Does an operation on a part of one region. On success it has moved past that part.</summary>
    private static bool AccessRegion<TOperation>(
        GuestMemory memory, MemoryRegion region, ulong offset, ulong length, ref TOperation operation, Obstacle obstacle, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        if (!region.Permits(operation.Access, offset, out fault))
        {
            return false;
        }

        bool done = region.Base == null
            ? BackingCall.Try(region, offset, length, ref operation, out fault)
            : AccessMapping(memory, region, offset, length, ref operation, obstacle, out fault);
        if (operation.Access == AccessType.Write)
        {
            // Told of all of it also where it fails: some of it may have been written.
            memory.Tell(region, offset, length);
        }

        return done;
    }

    /// <summary>Does an operation by the mapping, as far as that serves it.</summary>
    private static bool AccessMapping<TOperation>(
        GuestMemory memory, MemoryRegion region, ulong offset, ulong length, ref TOperation operation, Obstacle obstacle, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        int retries = 0;
        ulong furthest = 0;
        while (true)
        {
            if (RegionAttempt.Try(region, ref offset, ref length, ref operation, obstacle, out fault))
            {
                // Closed at any moment before this: what was accessed need not have been the memory any more.
                if (memory.IsClosed(region))
                {
                    fault = RegionFault.Disposed(offset);
                    return false;
                }

                operation.Advance(length);
                return true;
            }

            if (fault.Kind == GuestMemoryFaultKind.CallerBuffer)
            {
                return false;
            }

            obstacle = Obstacle.NotReached;
            ulong failed = fault.Offset;
            ulong left = length - (failed - offset);
            if (operation.IsDivisible)
            {
                operation.Advance(failed - offset);
                (offset, length) = (failed, left);
            }

            // A fault further up than any before is progress.
            retries = failed > furthest ? 0 : retries;
            furthest = Math.Max(furthest, failed);
            FaultCause cause = fault.Cause;
            switch (Resolve(region, left, operation.Access, ref fault))
            {
                case PageFaultActionKind.Retry when ++retries > MaxRetries:
                    fault = new RegionFault(GuestMemoryFaultKind.RetryLimit, cause, failed);
                    return false;
                case PageFaultActionKind.Retry:
                    continue;
                case PageFaultActionKind.Fallback:
                    return BackingCall.Try(region, offset, length, ref operation, out fault);
                default:
                    return false;
            }
        }
    }

    /// <summary>Asks the backing what to do about a fault, which becomes what it says; <paramref name="length"/> is what is left of the access from there on.</summary>
    private static PageFaultActionKind Resolve(MemoryRegion region, ulong length, AccessType access, ref RegionFault fault)
    {
        if (fault.Vanished)
        {
            return PageFaultActionKind.Retry;
        }

        FaultCause cause = fault.Cause;
        var call = new PageFaultCall(access, cause);
        if (BackingCall.Try(region, fault.Offset, length, ref call, out fault))
        {
            return call.Action;
        }

        if (fault.Cause == FaultCause.Backing)
        {
            // It was the signal, or the bit; the backing has said what that means.
            fault = fault with { Cause = cause };
        }

        return PageFaultActionKind.Fail;
    }
}
