using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

namespace Hyperspan;

/// <content>The general path, which every access that is not served inline takes: bounds, regions, faults, retries.</content>
public sealed unsafe partial class GuestMemory
{
    // A handler that says Retry this often without the access getting any further is taken to make no progress. Honest handlers need one retry,
    // or a few where other threads take pages away meanwhile.
    private const int MaxRetries = 1000;

    /// <summary>Does an operation on a range, region by region.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="name">What the caller asked for.</param>
    /// <param name="fault">Why it could not be done.</param>
    /// <param name="signal">
    /// The signal that a guarded access to all of the range has met a moment ago, or zero. It is then not tried again before the backing was asked.
    /// </param>
    private bool Access<TOperation>(
        ulong address, ulong length, ref TOperation operation, GuestMemoryOperation name, out GuestMemoryFault fault, int signal = 0)
        where TOperation : struct, IRegionOperation
    {
        if (!CheckRange(address, length, name, out fault))
        {
            return false;
        }

        ulong at = address;
        ulong left = length;
        while (left > 0)
        {
            if (Find(at) is not { } region)
            {
                // The range was there a moment ago: the memory was closed meanwhile.
                fault = DisposedFault(name, address, length, at);
                return false;
            }

            ulong offset = at - region.Start;
            ulong piece = Math.Min(left, region.Length - offset);
            if (!AccessRegion(region, offset, piece, ref operation, signal, out RegionFault regionFault))
            {
                fault = FaultIn(region, regionFault, name, (address, length));
                return false;
            }

            at += piece;
            left -= piece;
        }

        return true;
    }

    /// <summary>Checks that every byte of a range lies in a region, before any of them is accessed.</summary>
    private bool CheckRange(ulong address, ulong length, GuestMemoryOperation name, out GuestMemoryFault fault)
    {
        fault = default;
        if (length == 0)
        {
            return true;
        }

        if (IsDisposed)
        {
            fault = DisposedFault(name, address, length, address);
            return false;
        }

        ulong at = address;
        ulong left = length;
        while (Find(at) is { } region)
        {
            ulong here = region.Length - (at - region.Start);
            if (left <= here)
            {
                return true;
            }

            if (unchecked(at + here) == 0)
            {
                // The memory ends at 2^64: no address beyond it can be named.
                fault = new GuestMemoryFault(Name, name, GuestMemoryFaultKind.OutOfRange, FaultCause.Check, range: (address, length));
                return false;
            }

            at += here;
            left -= here;
            if (_strict && Find(at) is not null)
            {
                fault = new GuestMemoryFault(Name, name, GuestMemoryFaultKind.CrossesRegions, FaultCause.Check, at, (address, length));
                return false;
            }
        }

        fault = IsDisposed
            ? DisposedFault(name, address, length, at)
            : new GuestMemoryFault(Name, name, GuestMemoryFaultKind.OutOfRange, FaultCause.Check, at, (address, length));
        return false;
    }

    /// <summary>Does an operation on a part of one region. On success it has moved past that part.</summary>
    private bool AccessRegion<TOperation>(
        MemoryRegion region, ulong offset, ulong length, ref TOperation operation, int signal, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        if (!region.Permits(operation.Access))
        {
            fault = new RegionFault(operation.Access == AccessType.Write ? GuestMemoryFaultKind.ReadOnly : GuestMemoryFaultKind.Restricted, FaultCause.Check, offset);
            return false;
        }

        if (operation.Access == AccessType.Read)
        {
            return AccessPermitted(region, offset, length, ref operation, signal, out fault);
        }

        // Told of all of it also where it fails: some of it may have been written.
        bool done = AccessPermitted(region, offset, length, ref operation, signal, out fault);
        Tell(region, offset, length);
        return done;
    }

    /// <summary>Does an operation that the region permits.</summary>
    private bool AccessPermitted<TOperation>(
        MemoryRegion region, ulong offset, ulong length, ref TOperation operation, int signal, out RegionFault fault)
        where TOperation : struct, IRegionOperation
    {
        if (region.Base == null)
        {
            return FallBack(region, offset, length, ref operation, out fault);
        }

        int retries = 0;
        ulong furthest = 0;
        while (true)
        {
            Attempt attempt = region.HasBitmaps
                ? TryRestricted(region, ref offset, ref length, ref operation)
                : region.IsDirect
                    ? TryDirect(region, offset, length, ref operation)
                    : signal != 0 && IsInPage(region, offset, length)
                        ? new Attempt(false, 0, CauseOf(signal))
                        : TryGuarded(region, ref offset, ref length, ref operation);
            signal = 0;
            if (attempt.Succeeded)
            {
                // Closed at any moment before this: what was accessed need not have been the memory any more.
                if (IsClosed(region))
                {
                    fault = new RegionFault(GuestMemoryFaultKind.Disposed, FaultCause.Check, offset);
                    return false;
                }

                operation.Advance(length);
                fault = default;
                return true;
            }

            if (attempt.InBuffer)
            {
                fault = new RegionFault(GuestMemoryFaultKind.CallerBuffer, attempt.Cause, offset);
                return false;
            }

            ulong failed = offset + attempt.Below;
            ulong left = length - attempt.Below;
            if (operation.IsDivisible)
            {
                operation.Advance(attempt.Below);
                (offset, length) = (failed, left);
            }

            // A fault further up than any before is progress.
            retries = failed > furthest ? 0 : retries;
            furthest = Math.Max(furthest, failed);
            switch (Resolve(region, failed, left, operation.Access, attempt, out fault))
            {
                case PageFaultActionKind.Retry when ++retries > MaxRetries:
                    fault = new RegionFault(GuestMemoryFaultKind.RetryLimit, attempt.Cause, failed);
                    return false;
                case PageFaultActionKind.Retry:
                    continue;
                case PageFaultActionKind.Fallback:
                    return FallBack(region, offset, length, ref operation, out fault);
                default:
                    return false;
            }
        }
    }

    private static Attempt TryDirect<TOperation>(MemoryRegion region, ulong offset, ulong length, ref TOperation operation)
        where TOperation : struct, IRegionOperation
    {
        // SAFETY: the caller has checked that offset and length lie in the region; its mapping cannot fault and stays reserved while the backing is referenced.
        operation.Direct(region.Base + offset, length);
        GC.KeepAlive(region.Backing);
        return Attempt.Success;
    }

    /// <summary>
    /// Does the operation by guarded accesses. A write goes page by page: within one call the end of a range may be written before its start,
    /// and bytes above the lowest fault must stay as they are.
    /// </summary>
    private static Attempt TryGuarded<TOperation>(MemoryRegion region, ref ulong offset, ref ulong length, ref TOperation operation)
        where TOperation : struct, IRegionOperation
    {
        if (operation is { IsDivisible: true, Access: AccessType.Write })
        {
            ulong piece;
            while ((piece = GuestAddress.PageSize - ((ulong)(region.Base + offset) & (GuestAddress.PageSize - 1))) < length)
            {
                Attempt attempt = TryGuardedPiece(region, offset, piece, ref operation);
                if (!attempt.Succeeded)
                {
                    return attempt;
                }

                operation.Advance(piece);
                offset += piece;
                length -= piece;
                if (offset % (Guard.PagesAtOnce * GuestAddress.PageSize) < GuestAddress.PageSize)
                {
                    Guard.LetCollect();
                }
            }
        }

        return TryGuardedPiece(region, offset, length, ref operation);
    }

    /// <summary>Does the operation by guarded accesses and, where they fault, finds the lowest byte that did and does what lies below it.</summary>
    private static Attempt TryGuardedPiece<TOperation>(MemoryRegion region, ulong offset, ulong length, ref TOperation operation)
        where TOperation : struct, IRegionOperation
    {
        // SAFETY: as in TryDirect, but a page in the mapping may be missing: the guard recovers from that.
        byte* at = region.Base + offset;
        bool mayBlock = region.MayBlock;
        ulong done = length;
        while (true)
        {
            GuardedResult result = operation.Guarded(at, done, mayBlock);
            if (result.Ok)
            {
                break;
            }

            // A page is there or not: within one, the first byte fails as well as any. Unless it is the other side of a copy that failed.
            if (IsInPage(region, offset, done) && result.Value - (ulong)at < done)
            {
                GC.KeepAlive(region.Backing);
                return new Attempt(false, 0, CauseOf((int)result.Status));
            }

            // Copies touch their ends before their middle, and scalars may span two pages: what was reported need not be the lowest.
            GuardedFault lowest = Guard.FindLowestFault(at, (nuint)done, operation.Access == AccessType.Write, mayBlock);
            GC.KeepAlive(region.Backing);
            if (lowest.IsNone)
            {
                if (operation.Buffer != null)
                {
                    GuardedFault own = Guard.FindLowestFault(operation.Buffer, (nuint)done, operation.Access == AccessType.Read, mayBlock);
                    if (!own.IsNone)
                    {
                        return new Attempt(false, 0, CauseOf(own.Signal), InBuffer: true);
                    }
                }

                // Somebody has mapped the page meanwhile.
                return new Attempt(false, 0, CauseOf((int)result.Status), Vanished: true);
            }

            ulong below = (ulong)(lowest.Address - at);
            if (!operation.IsDivisible || below == 0)
            {
                return new Attempt(false, below, CauseOf(lowest.Signal));
            }

            // Do the bytes below the fault, then report it; unless one of them has gone as well by now.
            if (operation.Guarded(at, below, mayBlock).Ok)
            {
                return new Attempt(false, below, CauseOf(lowest.Signal));
            }

            done = below;
        }

        GC.KeepAlive(region.Backing);
        return done == length ? Attempt.Success : new Attempt(false, done, FaultCause.SegmentationFault, Vanished: true);
    }

    private static bool IsInPage(MemoryRegion region, ulong offset, ulong length) =>
        (((ulong)region.Base + offset) & (GuestAddress.PageSize - 1)) + length <= GuestAddress.PageSize;

    private static FaultCause CauseOf(int signal) => signal == LinuxConstants.SIGBUS ? FaultCause.BusError : FaultCause.SegmentationFault;

    /// <summary>How far one try at an operation got.</summary>
    /// <param name="Succeeded">Whether it did all.</param>
    /// <param name="Below">Otherwise, the bytes below the lowest that could not be accessed; they are done where the operation is divisible.</param>
    /// <param name="Cause">What stopped it.</param>
    /// <param name="Vanished">Whether what stopped it had gone when it was looked for, so that trying again is all there is to do.</param>
    /// <param name="InBuffer">Whether it was the caller's buffer that could not be accessed.</param>
    private readonly record struct Attempt(bool Succeeded, ulong Below, FaultCause Cause, bool Vanished = false, bool InBuffer = false)
    {
        internal static Attempt Success => new(true, 0, FaultCause.Check);
    }
}
