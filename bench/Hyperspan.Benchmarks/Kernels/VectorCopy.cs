using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>A copy by the widest registers, four at a time, with stores that are aligned: the floor of the lengths for which it is the fastest.</summary>
internal static unsafe class VectorCopy
{
    private const int Block = 64;

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Copy(byte* to, byte* from, nuint length)
    {
        // SAFETY: both ranges are accessible and do not overlap.
        if (length < 2 * Block)
        {
            CopyShort(to, from, length);
            return;
        }

        if (length <= 4 * Block)
        {
            Vector512<byte> first = Vector512.Load(from);
            Vector512<byte> second = Vector512.Load(from + Block);
            Vector512<byte> third = Vector512.Load(from + length - (2 * Block));
            Vector512<byte> last = Vector512.Load(from + length - Block);
            first.Store(to);
            second.Store(to + Block);
            third.Store(to + length - (2 * Block));
            last.Store(to + length - Block);
            return;
        }

        Vector512<byte> head = Vector512.Load(from);
        byte* tail = to + length - (4 * Block);
        byte* tailFrom = from + length - (4 * Block);
        nuint skip = Block - ((nuint)to & (Block - 1));
        byte* at = to + skip;
        byte* source = from + skip;
        for (; at < tail; at += 4 * Block, source += 4 * Block)
        {
            Vector512<byte> a = Vector512.Load(source);
            Vector512<byte> b = Vector512.Load(source + Block);
            Vector512<byte> c = Vector512.Load(source + (2 * Block));
            Vector512<byte> d = Vector512.Load(source + (3 * Block));
            a.StoreAligned(at);
            b.StoreAligned(at + Block);
            c.StoreAligned(at + (2 * Block));
            d.StoreAligned(at + (3 * Block));
        }

        for (int i = 0; i < 4; i++)
        {
            Vector512.Load(tailFrom + (i * Block)).Store(tail + (i * Block));
        }

        head.Store(to);
    }

    private static void CopyShort(byte* to, byte* from, nuint length)
    {
        if (length >= Block)
        {
            Vector512<byte> first = Vector512.Load(from);
            Vector512<byte> last = Vector512.Load(from + length - Block);
            first.Store(to);
            last.Store(to + length - Block);
            return;
        }

        for (nuint i = 0; i + 8 <= length; i += 8)
        {
            Unsafe.WriteUnaligned(to + i, Unsafe.ReadUnaligned<ulong>(from + i));
        }
    }
}
