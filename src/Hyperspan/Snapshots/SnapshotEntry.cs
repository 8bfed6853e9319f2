using System.Buffers.Binary;
using System.Numerics;

namespace Hyperspan.Snapshots;

/// <summary>What a snapshot says of one chunk of guest memory. 48 bytes in the file.</summary>
/// <param name="Chunk">The number of the chunk: its guest-physical address, shifted.</param>
/// <param name="Stored">A bit for each page whose bytes are in this file.</param>
/// <param name="Zero">A bit for each page that is zero, where an earlier snapshot may say otherwise.</param>
/// <param name="FileOffset">Where the bytes begin.</param>
/// <param name="FileLength">How many there are in the file.</param>
/// <param name="Checksum">The CRC-32C of these.</param>
/// <param name="Encoding">How they are stored.</param>
internal readonly record struct SnapshotEntry(
    ulong Chunk, ulong Stored, ulong Zero, ulong FileOffset, uint FileLength, uint Checksum, SnapshotEncoding Encoding)
{
    internal int StoredBytes => BitOperations.PopCount(Stored) << SnapshotFormat.PageShift;

    internal ulong Said => Stored | Zero;

    internal static SnapshotEntry Read(ReadOnlySpan<byte> from) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(from),
        BinaryPrimitives.ReadUInt64LittleEndian(from[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(from[16..]),
        BinaryPrimitives.ReadUInt64LittleEndian(from[24..]),
        BinaryPrimitives.ReadUInt32LittleEndian(from[32..]),
        BinaryPrimitives.ReadUInt32LittleEndian(from[36..]),
        (SnapshotEncoding)from[40]);

    internal void Write(Span<byte> to)
    {
        to[..SnapshotFormat.EntryLength].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(to, Chunk);
        BinaryPrimitives.WriteUInt64LittleEndian(to[8..], Stored);
        BinaryPrimitives.WriteUInt64LittleEndian(to[16..], Zero);
        BinaryPrimitives.WriteUInt64LittleEndian(to[24..], FileOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(to[32..], FileLength);
        BinaryPrimitives.WriteUInt32LittleEndian(to[36..], Checksum);
        to[40] = (byte)Encoding;
    }

    /// <summary>Whether what it says can be: nothing in it has been believed yet.</summary>
    /// <param name="dataEnd">Where the data of the file ends.</param>
    internal bool IsPossible(ulong dataEnd)
    {
        if ((Stored & Zero) != 0 || Said == 0 || Chunk > ulong.MaxValue >> SnapshotFormat.ChunkShift)
        {
            return false;
        }

        if (Stored == 0)
        {
            return FileLength == 0;
        }

        return FileOffset >= SnapshotFormat.HeaderLength && FileOffset <= dataEnd && FileLength <= dataEnd - FileOffset && Encoding switch
        {
            SnapshotEncoding.Raw => FileLength == StoredBytes && FileOffset % SnapshotFormat.PageSize == 0,
            SnapshotEncoding.Brotli => FileLength > 0 && FileLength < StoredBytes,
            _ => false,
        };
    }
}
