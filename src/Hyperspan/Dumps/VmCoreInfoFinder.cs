using System.Buffers.Binary;
using System.Numerics;

using Hyperspan.Snapshots;

namespace Hyperspan.Dumps;

/// <summary>Looks for what a Linux kernel says about itself, in its memory: it keeps the note at the start of a page (kernel/vmcore_info.c).</summary>
internal sealed class VmCoreInfoFinder(MemoryImage image)
{
    private const int HeaderLength = 24;
    private const int Longest = 1 << 16;

    /// <summary>Gets the text, once it has been found.</summary>
    internal byte[]? Found { get; private set; }

    /// <summary>Looks at pages of a chunk, packed as they were read.</summary>
    internal void Look(ulong chunk, ulong pages, ReadOnlySpan<byte> packed)
    {
        for (ulong left = Found is null ? pages : 0; left != 0; left &= left - 1, packed = packed[SnapshotFormat.PageSize..])
        {
            if (packed.Length < HeaderLength || BinaryPrimitives.ReadUInt32LittleEndian(packed) != 11 || !packed[12..].StartsWith("VMCOREINFO\0\0OSRELEASE="u8))
            {
                continue;
            }

            int length = BinaryPrimitives.ReadInt32LittleEndian(packed[4..]);
            if (length is <= 0 or > Longest)
            {
                continue;
            }

            // It may go on in the next pages.
            int page = BitOperations.TrailingZeroCount(left);
            byte[] found = new byte[length];
            int here = Math.Min(length, SnapshotFormat.PageSize - HeaderLength);
            packed.Slice(HeaderLength, here).CopyTo(found);
            if (here < length)
            {
                byte[] rest = new byte[(length - here + SnapshotFormat.PageSize - 1) & ~(SnapshotFormat.PageSize - 1)];
                for (int i = 0; i * SnapshotFormat.PageSize < rest.Length; i++)
                {
                    ulong number = (chunk * SnapshotFormat.ChunkPages) + (ulong)(page + 1 + i);
                    image.Read(
                        number / SnapshotFormat.ChunkPages,
                        1UL << (int)(number % SnapshotFormat.ChunkPages),
                        rest.AsSpan(i * SnapshotFormat.PageSize, SnapshotFormat.PageSize));
                }

                rest.AsSpan(0, length - here).CopyTo(found.AsSpan(here));
            }

            Found = found;
            return;
        }
    }
}
