using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Hyperspan;

/// <content>Reading what may not all be there: up to a fault, text, and looking for bytes.</content>
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

    private const int ShortText = 256;

    /// <summary>Reads text that ends before a zero byte, or at a length.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="maxLength">How many bytes it has at most.</param>
    /// <param name="encoding">The encoding, one in which a zero byte is nothing but an end; UTF-8 where it is <see langword="null"/>.</param>
    /// <returns>The text, without the zero byte. Only what precedes that has to be memory.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> is negative.</exception>
    /// <exception cref="GuestMemoryException">A byte could not be read before the text had ended.</exception>
    public string ReadString(GuestAddress address, int maxLength, Encoding? encoding = null)
    {
        if (!TryReadString(address, maxLength, encoding, out string? text, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return text;
    }

    /// <summary>Reads text that ends before a zero byte, or at a length; see <see cref="ReadString(GuestAddress, int, Encoding?)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="maxLength">How many bytes it has at most.</param>
    /// <param name="text">The text.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> is negative.</exception>
    public bool TryReadString(GuestAddress address, int maxLength, [NotNullWhen(true)] out string? text, out GuestMemoryFault fault) =>
        TryReadString(address, maxLength, encoding: null, out text, out fault);

    /// <summary>Reads text that ends before a zero byte, or at a length; see <see cref="ReadString(GuestAddress, int, Encoding?)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="maxLength">How many bytes it has at most.</param>
    /// <param name="encoding">The encoding; UTF-8 where it is <see langword="null"/>.</param>
    /// <param name="text">The text.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> is negative.</exception>
    public bool TryReadString(
        GuestAddress address, int maxLength, Encoding? encoding, [NotNullWhen(true)] out string? text, out GuestMemoryFault fault)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxLength);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Min(maxLength, ShortText));
        try
        {
            for (int count = 0; ;)
            {
                Span<byte> rest = buffer.AsSpan(0, Math.Min(buffer.Length, maxLength))[count..];
                int got = ReadAvailable(unchecked(address.Value + (uint)count), rest, out fault);
                int end = rest[..got].IndexOf((byte)0);
                count += end < 0 ? got : end;
                if (end >= 0 || count == maxLength)
                {
                    text = (encoding ?? Encoding.UTF8).GetString(buffer, 0, count);
                    fault = default;
                    return true;
                }

                if (fault.IsFault)
                {
                    text = null;
                    fault = fault.As(GuestMemoryOperation.Read, address.Value, (uint)maxLength);
                    return false;
                }

                byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min((uint)maxLength, 2 * (uint)count));
                buffer.AsSpan(0, count).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
