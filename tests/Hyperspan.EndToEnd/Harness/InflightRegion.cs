using System.Buffers.Binary;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>
/// A look at the memory in which a back end notes the requests it has taken and not yet finished (vhost-user, "Inflight I/O
/// tracking", split virtqueue). QEMU holds its descriptor, so it is there however the back end ends.
/// </summary>
internal static class InflightRegion
{
    private const int HeaderSize = 16;
    private const int DescriptorCountOffset = 10;
    private const int DescriptorSize = 16;

    /// <summary>
    /// How many requests of the first queue are taken and not finished, or null when the back end keeps no such notes.
    /// Exact only while the back end is suspended.
    /// </summary>
    internal static int? Count(int qemu)
    {
        if (Find(qemu) is not { } path)
        {
            return null;
        }

        byte[] header = new byte[HeaderSize];
        using var region = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        region.ReadExactly(header);
        byte[] descriptors = new byte[BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(DescriptorCountOffset)) * DescriptorSize];
        region.ReadExactly(descriptors);

        int count = 0;
        for (int i = 0; i < descriptors.Length; i += DescriptorSize)
        {
            count += descriptors[i] != 0 ? 1 : 0;
        }

        return count;
    }

    // The guest's memory is the only other memfd of QEMU, and its name is known.
    private static string? Find(int qemu)
    {
        foreach (string path in Directory.EnumerateFiles($"/proc/{qemu}/fd"))
        {
            string? target = new FileInfo(path).LinkTarget;
            if (target is not null
                && target.StartsWith("/memfd:", StringComparison.Ordinal)
                && !target.Contains("memory-backend-memfd", StringComparison.Ordinal))
            {
                return path;
            }
        }

        return null;
    }
}
