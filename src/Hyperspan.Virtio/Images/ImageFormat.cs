using System.Text;

namespace Hyperspan.Virtio;

/// <summary>Tells by the marks at the beginning and the end of a file that it is an image of a format with a structure of its own, not the disk itself.</summary>
internal static class ImageFormat
{
    /// <summary>How much of the beginning of a file is looked at, in bytes.</summary>
    internal const int HeadLength = 512;

    private static readonly (int Offset, byte[] Mark, string Name)[] HeadMarks =
    [
        (0, [(byte)'Q', (byte)'F', (byte)'I', 0xfb], "qcow2"),
        (0, [(byte)'Q', (byte)'E', (byte)'D', 0], "QED"),
        (0, "KDMV"u8.ToArray(), "VMDK"),
        (0, "COWD"u8.ToArray(), "VMDK"),
        (0, "# Disk DescriptorFile"u8.ToArray(), "VMDK"),
        (0x40, [0x7f, 0x10, 0xda, 0xbe], "VDI"),
        (0, "vhdxfile"u8.ToArray(), "VHDX"),
        (0, "conectix"u8.ToArray(), "VHD"),
        (0, [(byte)'L', (byte)'U', (byte)'K', (byte)'S', 0xba, 0xbe], "LUKS"),
        (0, "WithoutFreeSpace"u8.ToArray(), "Parallels"),
        (0, "WithouFreSpacExt"u8.ToArray(), "Parallels"),
        (0, "Bochs Virtual HD Image"u8.ToArray(), "Bochs"),
    ];

    private static readonly (byte[] Mark, string Name)[] TailMarks = [("conectix"u8.ToArray(), "VHD"), ("koly"u8.ToArray(), "DMG")];

    /// <summary>Names the format.</summary>
    /// <param name="head">The beginning of the file, <see cref="HeadLength"/> bytes.</param>
    /// <param name="tail">Its last 512 bytes.</param>
    /// <returns>The name, or <see langword="null"/> where nothing says that it is not the disk itself.</returns>
    internal static string? Detect(ReadOnlySpan<byte> head, ReadOnlySpan<byte> tail)
    {
        foreach ((int offset, byte[] mark, string name) in HeadMarks)
        {
            if (head[offset..].StartsWith(mark))
            {
                return name;
            }
        }

        // A text, which may begin with other comments or spaces.
        if (head.TrimStart(" \t\r\n"u8).StartsWith("# Disk DescriptorFile"u8) || Encoding.ASCII.GetString(head).Contains("\n# Disk DescriptorFile", StringComparison.Ordinal))
        {
            return "VMDK";
        }

        foreach ((byte[] mark, string name) in TailMarks)
        {
            if (tail.StartsWith(mark))
            {
                return name;
            }
        }

        return null;
    }
}
