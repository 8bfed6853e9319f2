using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hyperspan;

/// <summary>A copy of up to 64 bytes that is compiled into the caller.</summary>
/// <remarks>
/// The runtime's own copy is compiled into callers as well, all of it, for every length: some 400 bytes of code each time, most of it for lengths that a call would suit
/// better, and values that the caller needs afterwards spilled around it. Here everything is loaded before anything is stored, so that ranges that overlap need no check.
/// </remarks>
internal static unsafe class ShortCopy
{
    internal const int Limit = 64;

    /// <summary>Copies; both ranges are accessible. Each byte may be read and written twice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Copy(ref byte destination, ref byte source, nuint length)
    {
        // The ends overlap where the length is between two powers of two.
        if (length > 16)
        {
            Vector128<byte> first = Unsafe.ReadUnaligned<Vector128<byte>>(ref source);
            Vector128<byte> last = Unsafe.ReadUnaligned<Vector128<byte>>(ref Unsafe.Add(ref source, length - 16));
            if (length > 32)
            {
                Vector128<byte> second = Unsafe.ReadUnaligned<Vector128<byte>>(ref Unsafe.Add(ref source, 16));
                Vector128<byte> third = Unsafe.ReadUnaligned<Vector128<byte>>(ref Unsafe.Add(ref source, length - 32));
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref destination, 16), second);
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref destination, length - 32), third);
            }

            Unsafe.WriteUnaligned(ref destination, first);
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref destination, length - 16), last);
        }
        else if (length >= 8)
        {
            ulong first = Unsafe.ReadUnaligned<ulong>(ref source);
            ulong last = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref source, length - 8));
            Unsafe.WriteUnaligned(ref destination, first);
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref destination, length - 8), last);
        }
        else if (length >= 4)
        {
            uint first = Unsafe.ReadUnaligned<uint>(ref source);
            uint last = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref source, length - 4));
            Unsafe.WriteUnaligned(ref destination, first);
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref destination, length - 4), last);
        }
        else if (length != 0)
        {
            byte first = source;
            byte middle = Unsafe.Add(ref source, length >> 1);
            byte last = Unsafe.Add(ref source, length - 1);
            destination = first;
            Unsafe.Add(ref destination, length >> 1) = middle;
            Unsafe.Add(ref destination, length - 1) = last;
        }
    }
}
