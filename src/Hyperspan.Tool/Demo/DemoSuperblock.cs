using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Hyperspan.Tool.Demo;

/// <summary>The first block of the demonstration's own on-disk format: what the disk holds, and by which checksum to know it.</summary>
/// <param name="DataStart">Where the data begins, in bytes.</param>
/// <param name="DataLength">How long it is, in bytes.</param>
/// <param name="DataHash">Its SHA-256; zeros until it has been written.</param>
internal sealed record DemoSuperblock(ulong DataStart, ulong DataLength, byte[] DataHash)
{
    internal const int Length = 4096;

    private const int HashLength = 32;
    private const int DataHashOffset = 32;
    private const int OwnHashOffset = Length - HashLength;

    private static ReadOnlySpan<byte> Magic => "HYPERSPAN DEMO 1"u8;

    internal void Write(Span<byte> block)
    {
        block.Clear();
        Magic.CopyTo(block);
        BinaryPrimitives.WriteUInt64LittleEndian(block[16..], DataStart);
        BinaryPrimitives.WriteUInt64LittleEndian(block[24..], DataLength);
        DataHash.CopyTo(block[DataHashOffset..]);
        SHA256.HashData(block[..OwnHashOffset], block[OwnHashOffset..]);
    }

    /// <summary>Reads the block back, or answers null where it is not what <see cref="Write"/> made.</summary>
    internal static DemoSuperblock? TryRead(ReadOnlySpan<byte> block)
    {
        if (!block.StartsWith(Magic) || !SHA256.HashData(block[..OwnHashOffset]).AsSpan().SequenceEqual(block[OwnHashOffset..]))
        {
            return null;
        }

        return new DemoSuperblock(
            BinaryPrimitives.ReadUInt64LittleEndian(block[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(block[24..]),
            block.Slice(DataHashOffset, HashLength).ToArray());
    }
}
