using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>Makes files that contradict themselves of good ones, and snapshots that never were good ones. Whatever has a checksum gets the right one, most of the time.</summary>
internal sealed class HostileFile(Random random)
{
    private const int Page = 4096;
    private const int Header = 4096;
    private const int Footer = 64;
    private const int Entry = 48;

    private static readonly ulong[] Favourites =
    [
        0, 1, 2, 7, 63, 64, 255, 4095, 4096, 4097, 0xffff, 0x10000, int.MaxValue, 0x8000_0000, uint.MaxValue, 1UL << 32, 1UL << 40, 1UL << 48, (1UL << 52) - 4096, 1UL << 52,
        1UL << 62, long.MaxValue - 4095, long.MaxValue, 1UL << 63, ulong.MaxValue - (1 << 18), ulong.MaxValue - 4095, ulong.MaxValue,
    ];

    private static readonly byte[][] Names =
    [
        "ram"u8.ToArray(), [], "\u001b]0;x\u0007"u8.ToArray(), "a\nb"u8.ToArray(), "\u202eabc"u8.ToArray(), "\0\0"u8.ToArray(), [0xff, 0xfe], new byte[4096],
        "../../etc"u8.ToArray(),
    ];

    /// <summary>A dump with some of its numbers changed, most of them in its head, then perhaps cut, or a part of it left out or twice.</summary>
    internal byte[] Dump(byte[] good)
    {
        byte[] bytes = (byte[])good.Clone();
        for (int left = random.Next(1, 5); left > 0; left--)
        {
            Poke(random.Next(5) == 0 ? bytes : bytes.AsSpan(0, Math.Min(bytes.Length, random.Next(2) == 0 ? 800 : 24576)));
        }

        return random.Next(3) == 0 ? Shape(bytes) : bytes;
    }

    /// <summary>A snapshot with some of its numbers changed.</summary>
    internal byte[] Snapshot(byte[] good)
    {
        byte[] bytes = (byte[])good.Clone();
        int directory = (int)Number(bytes, bytes.Length - Footer);
        int reference = directory + 16 + (int)Number(bytes, directory + 8) + 16;
        int block = (int)Number(bytes, reference + 16);
        int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(reference + 24)) * Entry;
        for (int left = random.Next(1, 4); left > 0; left--)
        {
            Poke(random.Next(5) switch
            {
                0 => bytes.AsSpan(0, 72),
                1 => bytes.AsSpan(bytes.Length - Footer),
                2 => bytes.AsSpan(directory, bytes.Length - Footer - directory),
                3 => bytes.AsSpan(block, length),
                _ => bytes,
            });
        }

        if (random.Next(8) != 0)
        {
            for (int at = block; at < block + length; at += Entry)
            {
                ulong offset = Number(bytes, at + 24), count = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 32));
                if (offset < (ulong)bytes.Length && count <= (ulong)bytes.Length - offset)
                {
                    Put(bytes, at + 36, Checksum(bytes.AsSpan((int)offset, (int)count)));
                }
            }

            Put(bytes, reference + 28, Checksum(bytes.AsSpan(block, length)));
            Put(bytes, 60, Checksum(bytes.AsSpan(0, 60)));
            bytes.AsSpan(16, 16).CopyTo(bytes.AsSpan(bytes.Length - 40));
            Put(bytes, bytes.Length - 48, Checksum(bytes.AsSpan(directory, bytes.Length - Footer - directory)));
            Put(bytes, bytes.Length - 8, Checksum(bytes.AsSpan(bytes.Length - Footer, 56)));
        }

        return random.Next(6) == 0 ? Shape(bytes) : bytes;
    }

    /// <summary>A snapshot that is put together of anything: regions anywhere, pages that are several pages', sections of any name.</summary>
    internal byte[] Invented()
    {
        using var file = new MemoryStream();
        byte[] head = new byte[Header];
        BinaryPrimitives.WriteUInt64LittleEndian(head, 0x0a50414e53594889);
        head[8] = 1;
        head[12] = 18;
        random.NextBytes(head.AsSpan(16, 16));
        Put(head, 60, Checksum(head.AsSpan(0, 60)));
        file.Write(head);
        byte[] data = new byte[64 * Page];
        random.NextBytes(data);
        file.Write(data);
        byte[] regions = Regions(out List<(ulong Start, ulong Length)> list);
        byte[] index = Index(file, list);
        using var directory = new MemoryStream();
        Section(directory, 1, regions);
        Section(directory, 2, index);
        for (int left = random.Next(4); left > 0; left--)
        {
            byte[] section = [.. new byte[24], .. Names[random.Next(Names.Length)]];
            BinaryPrimitives.WriteUInt64LittleEndian(section, random.Next(5) == 0 ? Any() : Header);
            BinaryPrimitives.WriteUInt64LittleEndian(section.AsSpan(8), random.Next(5) == 0 ? Any() : 500);
            Put(section, 16, Checksum(data.AsSpan(0, 500)));
            Section(directory, 3, section);
        }

        byte[] foot = new byte[Footer];
        BinaryPrimitives.WriteUInt64LittleEndian(foot, (ulong)file.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(foot.AsSpan(8), (ulong)directory.Length);
        Put(foot, 16, Checksum(directory.ToArray()));
        head.AsSpan(16, 16).CopyTo(foot.AsSpan(24));
        file.Write(directory.ToArray());
        BinaryPrimitives.WriteUInt64LittleEndian(foot.AsSpan(40), (ulong)file.Length + Footer);
        BinaryPrimitives.WriteUInt64LittleEndian(foot.AsSpan(48), 0x0a444e4553594889);
        Put(foot, 56, Checksum(foot.AsSpan(0, 56)));
        file.Write(foot);
        return file.ToArray();
    }

    private byte[] Regions(out List<(ulong Start, ulong Length)> list)
    {
        list = [];
        using var bytes = new MemoryStream();
        bool isWild = random.Next(5) == 0;
        ulong at = 0;
        for (int left = random.Next(1, 5); left > 0; left--)
        {
            ulong start = isWild ? Any() : at + ((ulong)random.Next(5) << random.Next(10, 50));
            ulong length = random.Next(5) == 0 ? Any() : (ulong)random.Next(1, 40) << random.Next(44);
            length = Math.Max(start + length < start ? 0 - start : length, 1);
            list.Add((start, length));
            at = ((start + length - 1) | (Page - 1)) + 1;
            byte[] name = Names[random.Next(Names.Length)];
            byte[] region = new byte[24];
            BinaryPrimitives.WriteUInt64LittleEndian(region, start);
            BinaryPrimitives.WriteUInt64LittleEndian(region.AsSpan(8), length);
            region[16] = 12;
            region[17] = (byte)random.Next(256);
            BinaryPrimitives.WriteUInt16LittleEndian(region.AsSpan(18), (ushort)name.Length);
            bytes.Write(region);
            bytes.Write(name);
            bytes.Write(new byte[-name.Length & 7]);
            if (at <= start)
            {
                break;
            }
        }

        return bytes.ToArray();
    }

    private byte[] Index(MemoryStream file, List<(ulong Start, ulong Length)> regions)
    {
        var chunks = new SortedSet<ulong>();
        for (int left = random.Next(40); left > 0; left--)
        {
            (ulong start, ulong length) = regions[random.Next(regions.Count)];
            chunks.Add((start >> 18) + (random.Next(3) == 0 ? length >> 18 : (ulong)random.Next(30)));
        }

        using var block = new MemoryStream();
        ulong first = 0, last = 0;
        foreach (ulong chunk in chunks)
        {
            ulong pages = 0;
            for (int i = 0; i < 64; i++)
            {
                ulong page = (chunk << 6) + (ulong)i;
                pages |= regions.Exists(region => page >= region.Start >> 12 && page <= (region.Start + region.Length - 1) >> 12) ? 1UL << i : 0;
            }

            ulong stored = pages & (random.Next(3) == 0 ? ulong.MaxValue : (ulong)random.NextInt64());
            ulong zero = pages & ~stored & (ulong)random.NextInt64();
            if ((stored | zero) == 0)
            {
                continue;
            }

            first = block.Length == 0 ? chunk : first;
            last = chunk;
            block.Write(IndexEntry(file, chunk, stored, zero));
        }

        if (block.Length == 0)
        {
            return [];
        }

        byte[] reference = new byte[32];
        BinaryPrimitives.WriteUInt64LittleEndian(reference, first);
        BinaryPrimitives.WriteUInt64LittleEndian(reference.AsSpan(8), last);
        BinaryPrimitives.WriteUInt64LittleEndian(reference.AsSpan(16), (ulong)file.Length);
        Put(reference, 24, random.Next(60) == 0 ? (uint)Any() : (uint)(block.Length / Entry));
        Put(reference, 28, Checksum(block.ToArray()));
        file.Write(block.ToArray());
        return reference;
    }

    private byte[] IndexEntry(MemoryStream file, ulong chunk, ulong stored, ulong zero)
    {
        int length = BitOperations.PopCount(stored) * Page;
        ulong offset = Header + ((ulong)random.Next(1 + 64 - (length / Page)) * Page);
        byte[] entry = new byte[Entry];
        byte[] packed = new byte[length + 1000];
        if (stored != 0 && random.Next(3) == 0
            && BrotliEncoder.TryCompress(new byte[Math.Max(length + (random.Next(6) == 0 ? Page : 0), 1)], packed, out int written, quality: 1, window: 22))
        {
            offset = (ulong)file.Length;
            length = random.Next(6) == 0 ? random.Next(1, written + 1) : written;
            file.Write(packed, 0, written);
            entry[40] = 1;
        }

        offset = random.Next(60) == 0 ? Any() : offset;
        BinaryPrimitives.WriteUInt64LittleEndian(entry, chunk);
        BinaryPrimitives.WriteUInt64LittleEndian(entry.AsSpan(8), stored);
        BinaryPrimitives.WriteUInt64LittleEndian(entry.AsSpan(16), zero);
        BinaryPrimitives.WriteUInt64LittleEndian(entry.AsSpan(24), offset);
        Put(entry, 32, random.Next(60) == 0 ? (uint)Any() : (uint)length);
        if (offset <= (ulong)file.Length && (ulong)length <= (ulong)file.Length - offset)
        {
            Put(entry, 36, Checksum(file.GetBuffer().AsSpan((int)offset, length)));
        }

        return entry;
    }

    private void Section(MemoryStream directory, uint type, byte[] content)
    {
        byte[] head = new byte[16];
        Put(head, 0, type);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(8), random.Next(100) == 0 ? Any() : (ulong)content.Length);
        directory.Write(head);
        directory.Write(content);
        directory.Write(new byte[-content.Length & 7]);
    }

    private void Poke(Span<byte> bytes)
    {
        int at = random.Next(bytes.Length - 8);
        at = random.Next(4) == 0 ? at : at & ~3;
        ulong value = random.Next(4) == 0 ? (ulong)(bytes.Length + random.Next(-2, 3)) : Any();
        switch (random.Next(4))
        {
            case 0:
                bytes[at] = (byte)value;
                break;
            case 1:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes[at..], (uint)value);
                break;
            case 2:
                BinaryPrimitives.WriteUInt64BigEndian(bytes[at..], value);
                break;
            default:
                BinaryPrimitives.WriteUInt64LittleEndian(bytes[at..], value);
                break;
        }
    }

    private byte[] Shape(byte[] bytes)
    {
        int from = random.Next(bytes.Length), to = random.Next(from, bytes.Length);
        return random.Next(4) switch
        {
            0 => bytes[..to],
            1 => [.. bytes, .. bytes[..to]],
            2 => [.. bytes[..to], .. bytes[from..]],
            _ => [.. bytes[..from], .. bytes[to..]],
        };
    }

    private ulong Any() => Favourites[random.Next(Favourites.Length)] + (random.Next(2) == 0 ? 0 : (ulong)random.Next(9) - 4);

    private static ulong Number(byte[] bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));

    private static void Put(byte[] bytes, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint state = uint.MaxValue;
        foreach (byte value in bytes)
        {
            state = BitOperations.Crc32C(state, value);
        }

        return ~state;
    }
}
