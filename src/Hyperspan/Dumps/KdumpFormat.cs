namespace Hyperspan.Dumps;

/// <summary>
/// The compressed kdump format of makedumpfile, as QEMU's <c>dump-guest-memory -z</c> and a kdump kernel write it: a header, a sub-header, two bitmaps (pages that are memory,
/// pages that are in the file), a descriptor for each page in the file, pages. Little-endian, of 64 bits.
/// </summary>
internal static class KdumpFormat
{
    internal const int HeaderLength = 464;
    internal const int StatusAt = 424;
    internal const int BlockSizeAt = 428;
    internal const int SubHeaderBlocksAt = 432;
    internal const int BitmapBlocksAt = 436;
    internal const int LastPageAt = 440;
    internal const int ProcessorsAt = 460;
    internal const int VersionAt = 8;

    /// <summary>The version that is written: the first with numbers of pages of 64 bits.</summary>
    internal const uint Version = 6;

    // The names that uname(2) gives, each of as many bytes.
    internal const int NameLength = 65;
    internal const int SystemAt = 12;
    internal const int NodeAt = SystemAt + NameLength;
    internal const int ReleaseAt = SystemAt + (2 * NameLength);
    internal const int BuildAt = SystemAt + (3 * NameLength);
    internal const int MachineAt = SystemAt + (4 * NameLength);

    internal const int SubHeaderLength = 104;
    internal const int LevelAt = 8;
    internal const int CoreInfoAt = 32;
    internal const int NotesAt = 48;
    internal const int SplitAt = 12;
    internal const int LastPage64At = 96;

    internal const int DescriptorLength = 24;
    internal const uint Zlib = 1;
    internal const uint Lzo = 2;
    internal const uint Snappy = 4;
    internal const uint Zstandard = 0x20;
    internal const uint Compressed = Zlib | Lzo | Snappy | Zstandard;
    internal const uint Incomplete = 8;

    /// <summary>The level that says: pages that are zero have been left out.</summary>
    internal const uint WithoutZero = 1;

    /// <summary>No processor has more bits in a physical address.</summary>
    internal const int PhysicalBits = 52;

    internal const int FlattenedHeaderLength = 4096;
    internal const int FlattenedRecordLength = 16;

    internal static ReadOnlySpan<byte> Signature => "KDUMP   "u8;

    internal static ReadOnlySpan<byte> FlattenedSignature => "makedumpfile"u8;

    /// <summary>What pages are compressed by, in words.</summary>
    internal static string NameOf(uint compression) => compression switch
    {
        Lzo => "LZO",
        Snappy => "Snappy",
        Zstandard => "Zstandard",
        _ => "something unknown",
    };
}
