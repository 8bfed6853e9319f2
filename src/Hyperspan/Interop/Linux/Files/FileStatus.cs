using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>The parts of <c>struct statx</c> that are used here; unlike <c>struct stat</c> it is laid out alike on every architecture (statx(2)).</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal readonly struct FileStatus
{
    /// <summary><c>S_IFMT</c>: the bits of a mode that hold the type of file.</summary>
    internal const int TypeMask = 0xf000;

    /// <summary>Initializes a new instance of the <see cref="FileStatus"/> struct, of a regular file, for systems that tell its length alone.</summary>
    internal FileStatus(ulong size)
    {
        Mode = (ushort)FileType.Regular;
        Size = size;
    }

    [FieldOffset(4)]
    public readonly uint BlockSize;

    [FieldOffset(28)]
    public readonly ushort Mode;

    [FieldOffset(32)]
    public readonly ulong Inode;

    [FieldOffset(40)]
    public readonly ulong Size;

    [FieldOffset(136)]
    public readonly uint DeviceMajor;

    [FieldOffset(140)]
    public readonly uint DeviceMinor;

    /// <summary>Where memory must begin, and how long it must be, for transfers past the page cache; zero where that is not known.</summary>
    [FieldOffset(152)]
    public readonly uint DirectMemoryAlignment;

    /// <summary>The same of offsets in the file.</summary>
    [FieldOffset(156)]
    public readonly uint DirectOffsetAlignment;

    public FileType Type => (FileType)(Mode & TypeMask);

    /// <summary>Whether both are of one file, whatever names it has.</summary>
    internal bool IsSameFile(in FileStatus other) => Inode == other.Inode && DeviceMajor == other.DeviceMajor && DeviceMinor == other.DeviceMinor;
}
