namespace Hyperspan.Interop.Linux;

internal static partial class LinuxConstants
{
    /// <summary>The descriptor itself is meant, not a path from it.</summary>
    internal const int AT_EMPTY_PATH = 0x1000;

    /// <summary>The descriptor that stands for the current directory.</summary>
    internal const int AT_FDCWD = -100;

    internal const int AT_SYMLINK_NOFOLLOW = 0x100;

    internal const int AT_SYMLINK_FOLLOW = 0x400;

    internal const uint STATX_TYPE = 0x1;
    internal const uint STATX_BASIC_STATS = 0x7ff;
    internal const uint STATX_DIOALIGN = 0x2000;

    internal static int SYS_newfstatat => IsArm64 ? 79 : 262;
    internal static int SYS_statx => IsArm64 ? 291 : 332;
    internal static int SYS_preadv2 => IsArm64 ? 286 : 327;
    internal static int SYS_pwritev2 => IsArm64 ? 287 : 328;

    /// <summary>Fail instead of waiting (preadv2(2)).</summary>
    internal const int RWF_NOWAIT = 8;

    /// <summary>Past the page cache (open(2)); one of the flags that differ between architectures.</summary>
    internal static OpenFlags O_DIRECT => (OpenFlags)(IsArm64 ? 0x1_0000 : 0x4000);

    /// <summary>A file of a folder that has no name (open(2)).</summary>
    internal static OpenFlags O_TMPFILE => (OpenFlags)(0x40_0000 | (IsArm64 ? 0x4000 : 0x1_0000));

    /// <summary>The bits of the flags of an open file that say whether it can be read and written.</summary>
    internal const int O_ACCMODE = 3;

    /// <summary>Alone (flock(2)).</summary>
    internal const int LOCK_EX = 2;

    /// <summary>Fail instead of waiting (flock(2)).</summary>
    internal const int LOCK_NB = 4;

    /// <summary>The longest path, with the zero that ends it.</summary>
    internal const int PATH_MAX = 4096;

    /// <summary>The most vectors that one call takes.</summary>
    internal const int IOV_MAX = 1024;

    /// <summary>Also what every memory file without huge pages lives on (statfs(2)).</summary>
    internal const uint TMPFS_MAGIC = 0x01021994;

    internal const uint HUGETLBFS_MAGIC = 0x958458f6;
    internal const uint FUSE_SUPER_MAGIC = 0x65735546;
    internal const uint NFS_SUPER_MAGIC = 0x6969;
    internal const uint V9FS_MAGIC = 0x01021997;
    internal const uint CIFS_SUPER_MAGIC = 0xff534d42;
    internal const uint SMB2_SUPER_MAGIC = 0xfe534d42;
    internal const uint CEPH_SUPER_MAGIC = 0x00c36400;
}
