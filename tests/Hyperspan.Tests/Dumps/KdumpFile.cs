using System.Buffers.Binary;
using System.IO.Compression;

namespace Hyperspan.Tests.Dumps;

/// <summary>Writes a compressed kdump, by the description of its format alone.</summary>
internal sealed class KdumpFile
{
    internal int BlockSize { get; init; } = 4096;

    internal uint Version { get; init; } = 6;

    /// <summary>Gets how pages are marked as compressed; they are so by zlib, whatever it says.</summary>
    internal uint Compression { get; init; } = 1;

    internal uint Status { get; init; } = 1;

    internal uint Split { get; init; }

    internal string Machine { get; init; } = "x86_64";

    internal byte[] CoreInformation { get; init; } = [];

    /// <summary>Gets the number of pages that the bitmaps are about.</summary>
    internal int Pages { get; init; } = 300;

    /// <summary>Gets the pages that are memory and not in the file.</summary>
    internal HashSet<int> Absent { get; init; } = [];

    internal SortedDictionary<int, byte[]> Content { get; } = [];

    internal byte[] ToArray()
    {
        int bitmapBlocks = ((Pages + 7) / 8 + BlockSize - 1) / BlockSize;
        int descriptors = BlockSize * (2 + (2 * bitmapBlocks));
        int information = descriptors + (24 * Content.Count);
        int data = information + CoreInformation.Length;
        using var file = new MemoryStream();
        byte[] head = new byte[data];
        "KDUMP   "u8.CopyTo(head);
        Put(head, 8, Version);
        System.Text.Encoding.ASCII.GetBytes(Machine, head.AsSpan(12 + (4 * 65)));
        Put(head, 424, Status);
        Put(head, 428, (uint)BlockSize);
        Put(head, 432, 1);
        Put(head, 436, (uint)(2 * bitmapBlocks));
        Put(head, 440, (uint)Pages);
        Put(head, BlockSize + 12, Split);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(BlockSize + 32), CoreInformation.Length == 0 ? 0 : (ulong)information);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(BlockSize + 40), (ulong)CoreInformation.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(BlockSize + 96), (ulong)Pages);
        CoreInformation.CopyTo(head, information);
        foreach (int page in Absent.Concat(Content.Keys))
        {
            head[(2 * BlockSize) + (page / 8)] |= (byte)(1 << (page % 8));
        }

        using var pages = new MemoryStream();
        int rank = 0;
        foreach ((int page, byte[] content) in Content)
        {
            head[((2 + bitmapBlocks) * BlockSize) + (page / 8)] |= (byte)(1 << (page % 8));
            byte[] stored = Compression == 0 ? content : Compress(content);
            Span<byte> descriptor = head.AsSpan(descriptors + (24 * rank++));
            BinaryPrimitives.WriteUInt64LittleEndian(descriptor, (ulong)(data + pages.Length));
            BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], (uint)stored.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(descriptor[12..], Compression);
            pages.Write(stored);
        }

        return [.. head, .. pages.ToArray()];
    }

    /// <summary>The same as it is sent through a pipe: in records of some lengths, the first bytes twice, at first wrong.</summary>
    internal byte[] ToFlattened(Random random)
    {
        byte[] all = ToArray();
        using var file = new MemoryStream();
        byte[] head = new byte[4096];
        "makedumpfile"u8.CopyTo(head);
        BinaryPrimitives.WriteInt64BigEndian(head.AsSpan(16), 1);
        BinaryPrimitives.WriteInt64BigEndian(head.AsSpan(24), 1);
        file.Write(head);
        Record(file, 0, new byte[BlockSize]);
        for (int at = BlockSize; at < all.Length;)
        {
            int length = Math.Min(all.Length - at, random.Next(1, 9000));
            Record(file, at, all.AsSpan(at, length));
            at += length;
        }

        Record(file, 0, all.AsSpan(0, BlockSize - 100));
        Record(file, BlockSize - 100, all.AsSpan(BlockSize - 100, 150));
        byte[] end = new byte[16];
        Array.Fill(end, (byte)0xff);
        file.Write(end);
        return file.ToArray();
    }

    private static void Record(MemoryStream file, long offset, ReadOnlySpan<byte> content)
    {
        byte[] record = new byte[16];
        BinaryPrimitives.WriteInt64BigEndian(record, offset);
        BinaryPrimitives.WriteInt64BigEndian(record.AsSpan(8), content.Length);
        file.Write(record);
        file.Write(content);
    }

    private static byte[] Compress(byte[] content)
    {
        using var to = new MemoryStream();
        using (var stream = new ZLibStream(to, CompressionLevel.Fastest, leaveOpen: true))
        {
            stream.Write(content);
        }

        return to.Length < content.Length ? to.ToArray() : throw new InvalidOperationException("a page of a test has to be one that shrinks");
    }

    private static void Put(byte[] bytes, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);
}
