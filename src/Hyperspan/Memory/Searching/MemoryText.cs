using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Hyperspan;

/// <summary>Text that ends before a zero byte.</summary>
internal static class MemoryText
{
    private const int ShortText = 256;

    internal static bool TryRead(
        GuestMemory memory, ulong address, int maxLength, Encoding encoding, [NotNullWhen(true)] out string? text, out GuestMemoryFault fault)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Min(maxLength, ShortText));
        try
        {
            for (int count = 0; ;)
            {
                Span<byte> rest = buffer.AsSpan(0, Math.Min(buffer.Length, maxLength))[count..];
                ulong next = unchecked(address + (uint)count);
                if (next < address && count < maxLength && !memory.CheckRange(address, (uint)maxLength, GuestMemoryOperation.Read, out fault))
                {
                    // All addresses up to the last have been read, and it goes on.
                    text = null;
                    return false;
                }

                int got = MemorySearch.ReadAvailable(memory, next, rest, out fault);
                int end = rest[..got].IndexOf((byte)0);
                count += end < 0 ? got : end;
                if (end >= 0 || count == maxLength)
                {
                    return TryDecode(memory, address, buffer.AsSpan(0, count), encoding, out text, out fault);
                }

                if (fault.IsFault)
                {
                    text = null;
                    fault = fault.As(GuestMemoryOperation.Read, address, (uint)maxLength);
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

    /// <summary>Text of bytes. What an encoding refuses, which was told to throw, is the guest's doing: a fault.</summary>
    private static bool TryDecode(
        GuestMemory memory, ulong address, ReadOnlySpan<byte> bytes, Encoding encoding, [NotNullWhen(true)] out string? text, out GuestMemoryFault fault)
    {
        try
        {
            text = encoding.GetString(bytes);
            fault = default;
            return true;
        }
        catch (DecoderFallbackException e)
        {
            text = null;
            fault = new GuestMemoryFault(
                memory.Name, GuestMemoryOperation.Read, GuestMemoryFaultKind.Other, FaultCause.Exception, address, (address, (uint)bytes.Length), exception: e);
            return false;
        }
    }

    internal static bool TryWrite(GuestMemory memory, ulong address, ReadOnlySpan<char> text, Encoding encoding, out GuestMemoryFault fault)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(checked(encoding.GetByteCount(text) + 1));
        try
        {
            int count = encoding.GetBytes(text, buffer);
            buffer[count] = 0;
            return memory.TryWrite(address, buffer.AsSpan(0, count + 1), out fault);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
