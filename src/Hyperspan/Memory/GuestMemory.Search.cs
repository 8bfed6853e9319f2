using System.Buffers;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>Reading what may not all be there, up to a fault; looking for bytes, and comparing them.</content>
public sealed unsafe partial class GuestMemory
{
    // How much is looked through before it is asked whether the memory is still open.
    private const ulong InPlace = 64UL << 20;

    /// <summary>Reads bytes up to the first that cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes. What lies beyond those that were read is unspecified.</param>
    /// <returns>How many bytes were read; all of <paramref name="destination"/>, or those below the first fault. Never throws, never allocates.</returns>
    public int ReadAvailable(GuestAddress address, Span<byte> destination) => ReadAvailable(address, destination, out _);

    /// <summary>Reads bytes up to the first that cannot be read, and says why it cannot.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes. What lies beyond those that were read is unspecified.</param>
    /// <param name="fault">Why not all of them could be read.</param>
    /// <returns>How many bytes were read; all of <paramref name="destination"/>, or those below the first fault.</returns>
    public int ReadAvailable(GuestAddress address, Span<byte> destination, out GuestMemoryFault fault)
    {
        fault = default;
        int count = destination.Length;
        while (count > 0 && !TryRead(address, destination[..count], out GuestMemoryFault met))
        {
            // No address is at fault where the range reaches past 2^64. A byte below may have gone meanwhile: then there is another turn, with less.
            fault = met.As(GuestMemoryOperation.Read, address.Value, (ulong)destination.Length);
            ulong below = (met.Address?.Value ?? 0) - address.Value;
            count = (int)Math.Min(below, (ulong)count - 1);
        }

        return count;
    }

    /// <summary>Looks for bytes in a range.</summary>
    /// <param name="address">The guest-physical address of the first byte of the range.</param>
    /// <param name="length">The length of the range in bytes; it may exceed 2 GiB.</param>
    /// <param name="value">The bytes to look for. None at all are found at once.</param>
    /// <returns>The address of the first occurrence that lies in the range as a whole, or <see langword="null"/> where there is none.</returns>
    /// <exception cref="GuestMemoryException">Not all of the range is memory, or a byte could not be read before an occurrence was found.</exception>
    /// <remarks>What others write meanwhile may be found or missed.</remarks>
    public GuestAddress? IndexOf(GuestAddress address, ulong length, ReadOnlySpan<byte> value)
    {
        if (!TryIndexOf(address, length, value, out GuestAddress? found, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return found;
    }

    /// <summary>Looks for bytes in a range; see <see cref="IndexOf(GuestAddress, ulong, ReadOnlySpan{byte})"/>. Does not throw when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of the first byte of the range.</param>
    /// <param name="length">The length of the range in bytes.</param>
    /// <param name="value">The bytes to look for.</param>
    /// <param name="found">The address of the first occurrence, or <see langword="null"/> where there is none.</param>
    /// <param name="fault">Why not all of the range could be looked at.</param>
    /// <returns>Whether the answer holds: an occurrence was found, or all of the range was looked at.</returns>
    public bool TryIndexOf(GuestAddress address, ulong length, ReadOnlySpan<byte> value, out GuestAddress? found, out GuestMemoryFault fault)
    {
        found = null;
        if (!CheckRange(address.Value, length, GuestMemoryOperation.Read, out fault))
        {
            return false;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(2L * value.Length, MemoryTransfer.Pooled, Array.MaxLength));
        try
        {
            for (ulong done = 0; length - done >= (uint)value.Length;)
            {
                ulong at = address.Value + done;
                if (TryIndexInPlace(at, length - done, value, out ulong index, out ulong searched))
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
                int got = ReadAvailable(at, piece, out fault);
                int place = piece[..got].IndexOf(value);
                if (place >= 0)
                {
                    found = at + (ulong)place;
                    fault = default;
                    return true;
                }

                if (fault.IsFault)
                {
                    fault = fault.As(GuestMemoryOperation.Read, address.Value, length);
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

    /// <summary>
    /// Looks for bytes where they lie, in memory that cannot fault: from an address to the end of its region, or as far as a span goes. Fails where that is no
    /// memory of this kind, is too
    /// short to hold an occurrence, or was closed meanwhile.
    /// </summary>
    private bool TryIndexInPlace(ulong address, ulong length, ReadOnlySpan<byte> value, out ulong index, out ulong searched)
    {
        index = ulong.MaxValue;
        searched = 0;
        if (Find(address) is not { IsDirect: true, CanRead: true } region)
        {
            return false;
        }

        searched = Math.Min(Math.Min(length, region.LengthFrom(address)), InPlace);
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

        return !IsClosed(region);
    }

    // How much is compared at a time.
    private const int Compared = 2048;

    /// <summary>Compares bytes with others.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="other">The bytes that should be there.</param>
    /// <returns>Whether they are: as many from <paramref name="address"/> on are the same. None at all are, anywhere.</returns>
    /// <exception cref="GuestMemoryException">Not all of the range is memory, or a byte could not be read before a difference was found.</exception>
    /// <remarks>Each byte is read once. Where others write meanwhile, each counts as it was when it was read.</remarks>
    public bool SequenceEqual(GuestAddress address, ReadOnlySpan<byte> other)
    {
        if (!TrySequenceEqual(address, other, out bool equal, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return equal;
    }

    /// <summary>
    /// Compares bytes with others; see <see cref="SequenceEqual(GuestAddress, ReadOnlySpan{byte})"/>. Neither throws nor allocates when memory cannot be read.
    /// </summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="other">The bytes that should be there.</param>
    /// <param name="equal">Whether they are.</param>
    /// <param name="fault">Why not all of the range could be compared.</param>
    /// <returns>Whether the answer holds: a difference was found, or all of the range was compared.</returns>
    [SkipLocalsInit]
    public bool TrySequenceEqual(GuestAddress address, ReadOnlySpan<byte> other, out bool equal, out GuestMemoryFault fault)
    {
        equal = false;
        if (!CheckRange(address.Value, (uint)other.Length, GuestMemoryOperation.Read, out fault))
        {
            return false;
        }

        Span<byte> buffer = stackalloc byte[Compared];
        for (int done = 0; done < other.Length;)
        {
            Span<byte> piece = buffer[..Math.Min(Compared, other.Length - done)];
            int got = ReadAvailable(address + (uint)done, piece, out fault);
            if (!piece[..got].SequenceEqual(other.Slice(done, got)))
            {
                fault = default;
                return true;
            }

            if (fault.IsFault)
            {
                fault = fault.As(GuestMemoryOperation.Read, address.Value, (uint)other.Length);
                return false;
            }

            done += got;
        }

        equal = true;
        return true;
    }
}
