using System.Numerics;
using System.Runtime.InteropServices;

namespace Hyperspan.Snapshots;

/// <summary>The numbers of the file format, version 1: see docs/snapshots.md. All are little-endian.</summary>
internal static class SnapshotFormat
{
    internal const ulong StartMagic = 0x0a50414e5359_4889; // 0x89 "HYSNAP" newline: a transfer as text damages it.
    internal const ulong EndMagic = 0x0a444e4553_594889; // 0x89 "HYSEND" newline
    internal const ushort Major = 1;
    internal const ushort Minor = 0;

    internal const int HeaderLength = 4096;
    internal const int HeaderUsed = 64;
    internal const int FooterLength = 64;

    internal const int PageShift = 12;
    internal const int PageSize = 1 << PageShift;

    /// <summary>A chunk is 64 pages of guest-physical memory, so that a word has a bit for each.</summary>
    internal const int ChunkShift = 18;
    internal const int ChunkSize = 1 << ChunkShift;
    internal const int ChunkPages = ChunkSize / PageSize;

    internal const int EntryLength = 48;
    internal const int BlockEntries = 1024;
    internal const int BlockReferenceLength = 32;

    internal const uint SectionRegions = 1;
    internal const uint SectionIndex = 2;
    internal const uint SectionUser = 3;
    internal const uint SectionParent = 4;
    internal const int SectionHeaderLength = 16;

    /// <summary>The bit of a section's flags that says: who does not know this type must not read the file.</summary>
    internal const uint SectionCritical = 1;

    internal const int MostRegions = 1 << 16;
    internal const int MostUserSections = 1 << 12;
    internal const int LongestName = 4096;

    /// <summary>The largest directory: an index of 128 TiB of guest memory, every chunk of it stored, takes less.</summary>
    internal const int LongestDirectory = 16 << 20;

    internal const int DeepestChain = 256;

    /// <summary>CRC-32C (Castagnoli), as iSCSI and ext4 use it.</summary>
    internal static uint Checksum(ReadOnlySpan<byte> bytes) => ~Checksum(uint.MaxValue, bytes);

    /// <summary>Goes on with a checksum that is neither begun nor ended by inversion.</summary>
    internal static uint Checksum(uint state, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            state = BitOperations.Crc32C(state, BitConverter.IsLittleEndian ? word : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(word));
        }

        foreach (byte value in bytes[(words.Length * sizeof(ulong))..])
        {
            state = BitOperations.Crc32C(state, value);
        }

        return state;
    }

    /// <summary>The bits of the pages from one number of a chunk up to, and not including, another.</summary>
    internal static ulong Pages(int from, int to) => to - from >= ChunkPages ? ulong.MaxValue : ((1UL << (to - from)) - 1) << from;

    /// <summary>Whether all bytes are zero.</summary>
    internal static bool IsZero(ReadOnlySpan<byte> bytes) => bytes.IndexOfAnyExcept((byte)0) < 0;

    /// <summary>Closes up the pages that are not zero, and says which they are.</summary>
    internal static ulong DropZero(ulong pages, Span<byte> packed)
    {
        ulong kept = 0;
        int from = 0;
        int to = 0;
        for (ulong left = pages; left != 0; left &= left - 1, from += PageSize)
        {
            ReadOnlySpan<byte> page = packed.Slice(from, PageSize);
            if (IsZero(page))
            {
                continue;
            }

            if (to != from)
            {
                page.CopyTo(packed[to..]);
            }

            to += PageSize;
            kept |= left & (~left + 1);
        }

        return kept;
    }
}
