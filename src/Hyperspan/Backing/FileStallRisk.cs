using Hyperspan.Interop.Linux;

namespace Hyperspan;

/// <summary>Which files can keep a fault waiting for somebody else: then the garbage collector must be able to proceed meanwhile.</summary>
internal static class FileStallRisk
{
    /// <summary>For a file that the user chose: file systems served by a process (perhaps this one) or over a network can block.</summary>
    internal static FaultBehavior OfOwnFile(uint magic) => magic switch
    {
        LinuxConstants.FUSE_SUPER_MAGIC or LinuxConstants.NFS_SUPER_MAGIC or LinuxConstants.V9FS_MAGIC or LinuxConstants.CIFS_SUPER_MAGIC
            or LinuxConstants.SMB2_SUPER_MAGIC or LinuxConstants.CEPH_SUPER_MAGIC => FaultBehavior.MayBlock,
        _ => FaultBehavior.MayFault,
    };

    /// <summary>
    /// For a descriptor from another process, which may serve the file itself and not answer: only what the kernel alone serves is taken not to block.
    /// </summary>
    internal static FaultBehavior OfForeignFile(uint magic) => magic switch
    {
        LinuxConstants.TMPFS_MAGIC or LinuxConstants.HUGETLBFS_MAGIC => FaultBehavior.MayFault,
        _ => FaultBehavior.MayBlock,
    };
}
