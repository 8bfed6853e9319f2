using System.Buffers;
using System.Runtime.CompilerServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Reading what may not all be there: up to a fault; looking for bytes, and comparing them.</summary>
internal static class MemorySearch
{
    // How much is looked through before it is asked whether the memory is still open.
    private const ulong InPlace = 64UL << 20;
    private const ulong CacheLine = 64;

    // How much is compared at a time.
    private const int Compared = 2048;

    internal static int ReadAvailable(GuestMemory memory, ulong address, Span<byte> destination, out GuestMemoryFault fault)
    {
        fault = default;
        int count = destination.Length;
        while (count > 0 && !memory.TryRead(address, destination[..count], out GuestMemoryFault met))
        {
            // No address is at fault where the range reaches past 2^64. A byte below may have gone meanwhile: then there is another turn, with less.
            fault = met.As(GuestMemoryOperation.Read, address, (ulong)destination.Length);
            ulong below = met.Kind == GuestMemoryFaultKind.CallerBuffer ? WritableLength(destination[..count]) : (met.Address?.Value ?? 0) - address;
            count = (int)Math.Min(below, (ulong)count - 1);
        }

        return count;
    }

    /// <summary>How many bytes of a caller's buffer lie below the first that is not there.</summary>
    private static unsafe ulong WritableLength(Span<byte> buffer)
    {
        // SAFETY: pinned meanwhile; the guard recovers from faults.
        fixed (byte* start = buffer)
        {
            GuardedFault lowest = Guard.FindLowestFault(start, (nuint)buffer.Length, write: true, mayBlock: true);
            return lowest.IsNone ? (ulong)buffer.Length : (ulong)(lowest.Address - start);
        }
    }

    internal static bool TryIndexOf(
        GuestMemory memory, ulong address, ulong length, ReadOnlySpan<byte> value, out GuestAddress? found, out GuestMemoryFault fault)
    {
        found = null;
        if (!memory.CheckRange(address, length, GuestMemoryOperation.Read, out fault))
        {
            return false;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(2L * value.Length, MemoryTransfer.Pooled, Array.MaxLength));
        try
        {
            for (ulong done = 0; length - done >= (uint)value.Length;)
            {
                ulong at = address + done;
                if (TryIndexInPlace(memory, at, length - done, value, out ulong index, out ulong searched))
                {
                    if (index < searched)
                    {
                        found = at + index;
                        return true;
                    }

                    done += searched - ((uint)value.Length - 1);
                    continue;
                }

                Span<byte> piece = buffer.AsSpan(0, (int)Math.Min((uint)buffer.Length, length - done));
                int got = ReadAvailable(memory, at, piece, out fault);
                int place = piece[..got].IndexOf(value);
                if (place >= 0)
                {
                    found = at + (ulong)place;
                    fault = default;
                    return true;
                }

                if (fault.IsFault)
                {
                    fault = fault.As(GuestMemoryOperation.Read, address, length);
                    return false;
                }

                // The next piece begins with the bytes that an occurrence across the border would begin with.
                done += (ulong)(got - (value.Length - 1));
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    internal static IEnumerable<GuestAddress> FindAll(GuestMemory memory, byte[] value)
    {
        foreach ((ulong start, ulong last) in Runs(memory))
        {
            for (ulong at = start; ;)
            {
                ulong length = Math.Max(last - at, unchecked(last - at + 1));
                bool isDone = TryIndexOf(memory, at, length, value, out GuestAddress? found, out GuestMemoryFault fault);
                if (found is { } address)
                {
                    yield return address;
                }
                else if (isDone || fault.Address is null)
                {
                    break;
                }

                // On with the byte after the beginning of an occurrence, or after a page that cannot be read.
                ulong seen = (found ?? fault.Address!.Value).Value;
                ulong passed = found is not null ? 1 : fault.Kind == GuestMemoryFaultKind.Disposed ? RestOfRegion(memory, seen) : memory.RestOfPage(seen);
                if (passed > last - seen)
                {
                    break;
                }

                at = seen + passed;
            }
        }
    }

    /// <summary>How much of a region whose backing is closed is to be passed over; of a memory that is closed itself, all there is.</summary>
    private static ulong RestOfRegion(GuestMemory memory, ulong address) => memory.Find(address) is { } region ? region.LengthFrom(address) : ulong.MaxValue;

    /// <summary>The first and the last address of each run of regions without a hole between them, or without a border that no access crosses.</summary>
    private static IEnumerable<(ulong Start, ulong Last)> Runs(GuestMemory memory)
    {
        (ulong Start, ulong Last)? run = null;
        foreach (GuestMemoryRegion region in memory.Regions)
        {
            ulong last = region.Range.Last!.Value.Value;
            if (run is { } before && region.Start.Value == before.Last + 1 && !memory.IsStrict)
            {
                run = (before.Start, last);
                continue;
            }

            if (run is { } whole)
            {
                yield return whole;
            }

            run = (region.Start.Value, last);
        }

        if (run is { } final)
        {
            yield return final;
        }
    }

    [SkipLocalsInit]
    internal static bool TrySequenceEqual(GuestMemory memory, ulong address, ReadOnlySpan<byte> other, out bool equal, out GuestMemoryFault fault)
    {
        equal = false;
        if (!memory.CheckRange(address, (uint)other.Length, GuestMemoryOperation.Read, out fault))
        {
            return false;
        }

        Span<byte> buffer = stackalloc byte[Compared];
        for (int done = 0; done < other.Length;)
        {
            Span<byte> piece = buffer[..Math.Min(Compared, other.Length - done)];
            int got = ReadAvailable(memory, address + (uint)done, piece, out fault);
            if (!piece[..got].SequenceEqual(other.Slice(done, got)))
            {
                fault = default;
                return true;
            }

            if (fault.IsFault)
            {
                fault = fault.As(GuestMemoryOperation.Read, address, (uint)other.Length);
                return false;
            }

            done += got;
        }

        equal = true;
        return true;
    }

    /// <summary>
    /// Looks for bytes where they lie, in memory that cannot fault: from an address to the end of its region, or as far as a span goes. Fails where that is no
    /// memory of this kind, is too short to hold an occurrence, or was closed meanwhile.
    /// </summary>
    private static unsafe bool TryIndexInPlace(GuestMemory memory, ulong address, ulong length, ReadOnlySpan<byte> value, out ulong index, out ulong searched)
    {
        index = ulong.MaxValue;
        searched = 0;
        if (memory.Find(address) is not { IsDirect: true, CanRead: true } region)
        {
            return false;
        }

        // The next piece repeats the last bytes of this one, and begins with a line of the cache: from elsewhere each vector would lie in two.
        ulong most = InPlace - ((ulong)region.At(address) % CacheLine) + (uint)(value.Length - 1);
        searched = Math.Min(Math.Min(length, region.LengthFrom(address)), Math.Min(most, int.MaxValue));
        if (searched < (uint)value.Length || value.Length == 0)
        {
            return false;
        }

        // SAFETY: the bytes lie in the region, whose mapping cannot fault and stays reserved while the backing is referenced. They may change meanwhile: what is
        // found is one of their values.
        int place = new ReadOnlySpan<byte>(region.At(address), (int)searched).IndexOf(value);
        GC.KeepAlive(region.Backing);
        if (place >= 0)
        {
            index = (uint)place;
        }

        return !memory.IsClosed(region);
    }
}
