namespace Hyperspan.Interop.Linux;

internal static partial class LinuxConstants
{
    /// <summary><c>AT_EMPTY_PATH</c>: the descriptor itself is meant.</summary>
    internal const int AtEmptyPath = 0x1000;

    /// <summary><c>STATX_BASIC_STATS</c>.</summary>
    internal const uint StatxBasicStats = 0x7ff;

    /// <summary><c>S_IFMT</c>: the bits of a mode that hold the type of file.</summary>
    internal const int FileTypeMask = 0xf000;

    /// <summary><c>S_IFREG</c>: a regular file.</summary>
    internal const int FileTypeRegular = 0x8000;

    /// <summary><c>O_ACCMODE</c>.</summary>
    internal const int OpenAccessMask = 3;

    /// <summary><c>PR_SET_VMA</c>.</summary>
    internal const int ProcessSetVma = 0x53564d41;

    /// <summary><c>PR_SET_VMA_ANON_NAME</c>.</summary>
    internal const int ProcessSetVmaAnonymousName = 0;

    /// <summary><c>TMPFS_MAGIC</c>: also what every memory file without huge pages lives on (statfs(2)).</summary>
    internal const uint TmpfsMagic = 0x01021994;

    /// <summary><c>HUGETLBFS_MAGIC</c>.</summary>
    internal const uint HugeTlbFsMagic = 0x958458f6;

    /// <summary><c>FUSE_SUPER_MAGIC</c>.</summary>
    internal const uint FuseMagic = 0x65735546;

    /// <summary><c>NFS_SUPER_MAGIC</c>.</summary>
    internal const uint NfsMagic = 0x6969;

    /// <summary><c>V9FS_MAGIC</c>.</summary>
    internal const uint Plan9Magic = 0x01021997;

    /// <summary><c>CIFS_SUPER_MAGIC</c>.</summary>
    internal const uint CifsMagic = 0xff534d42;

    /// <summary><c>SMB2_SUPER_MAGIC</c>.</summary>
    internal const uint Smb2Magic = 0xfe534d42;

    /// <summary><c>CEPH_SUPER_MAGIC</c>.</summary>
    internal const uint CephMagic = 0x00c36400;
}
