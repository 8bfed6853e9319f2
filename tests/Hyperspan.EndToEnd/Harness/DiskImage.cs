using System.Security.Cryptography;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>The raw image behind a disk, seen from the host.</summary>
internal sealed class DiskImage
{
    internal const int MiB = 1 << 20;

    private DiskImage(string path) => Path = path;

    internal string Path { get; }

    internal long Length => new FileInfo(Path).Length;

    /// <summary>Random bytes, the same for the same seed.</summary>
    internal static DiskImage CreateRandom(string folder, int megabytes, int seed)
    {
        var image = new DiskImage(System.IO.Path.Combine(folder, "disk.raw"));
        using FileStream file = File.Create(image.Path);
        var random = new Random(seed);
        byte[] block = new byte[MiB];
        for (int i = 0; i < megabytes; i++)
        {
            random.NextBytes(block);
            file.Write(block);
        }

        return image;
    }

    /// <summary>Zeroes that take no space.</summary>
    internal static DiskImage CreateEmpty(string folder, int megabytes)
    {
        var image = new DiskImage(System.IO.Path.Combine(folder, "disk.raw"));
        using FileStream file = File.Create(image.Path);
        file.SetLength((long)megabytes * MiB);
        return image;
    }

    internal byte[] Read(long offset, int length)
    {
        byte[] bytes = new byte[length];
        using FileStream file = Open(FileAccess.Read);
        file.Position = offset;
        file.ReadExactly(bytes);
        return bytes;
    }

    internal void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        using FileStream file = Open(FileAccess.Write);
        file.Position = offset;
        file.Write(bytes);
    }

    /// <summary>SHA-256 of the image or of a part of it, as sha256sum prints it.</summary>
    internal string Sha256(long offset = 0, long? length = null)
    {
        using FileStream file = Open(FileAccess.Read);
        file.Position = offset;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] block = new byte[MiB];
        for (long left = length ?? (file.Length - offset); left > 0;)
        {
            int count = (int)Math.Min(left, block.Length);
            file.ReadExactly(block, 0, count);
            hash.AppendData(block, 0, count);
            left -= count;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // Beside a back end that has the file open, and perhaps locked against other writers.
    private FileStream Open(FileAccess access) => new(Path, FileMode.Open, access, FileShare.ReadWrite);
}
