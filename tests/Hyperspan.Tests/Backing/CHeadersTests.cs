using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Tests.Backing;

/// <summary>The numbers that were copied from C headers, against the C headers.</summary>
[Trait("Category", "slow")]
public sealed class CHeadersTests
{
    private static readonly (string C, ulong Value)[] Expected =
    [
        ("PROT_NONE", (ulong)MappingProtection.None),
        ("PROT_READ", (ulong)MappingProtection.Read),
        ("PROT_WRITE", (ulong)MappingProtection.Write),
        ("PROT_EXEC", (ulong)MappingProtection.Execute),
        ("MAP_SHARED", (ulong)MappingFlags.Shared),
        ("MAP_PRIVATE", (ulong)MappingFlags.Private),
        ("MAP_FIXED", (ulong)MappingFlags.Fixed),
        ("MAP_ANONYMOUS", (ulong)MappingFlags.Anonymous),
        ("MAP_NORESERVE", (ulong)MappingFlags.NoReserve),
        ("MAP_FIXED_NOREPLACE", (ulong)MappingFlags.FixedNoReplace),
        ("MADV_DONTNEED", (ulong)MemoryAdvice.DontNeed),
        ("MADV_HUGEPAGE", (ulong)MemoryAdvice.HugePage),
        ("MADV_NOHUGEPAGE", (ulong)MemoryAdvice.NoHugePage),
        ("MADV_POPULATE_READ", (ulong)MemoryAdvice.PopulateRead),
        ("MADV_POPULATE_WRITE", (ulong)MemoryAdvice.PopulateWrite),
        ("MADV_DONTNEED_LOCKED", (ulong)MemoryAdvice.DontNeedLocked),
        ("MFD_CLOEXEC", (ulong)MemoryFileFlags.CloseOnExec),
        ("MFD_ALLOW_SEALING", (ulong)MemoryFileFlags.AllowSealing),
        ("MFD_HUGETLB", (ulong)MemoryFileFlags.HugeTlb),
        ("MFD_NOEXEC_SEAL", (ulong)MemoryFileFlags.NoExecSeal),
        ("MFD_HUGE_2MB", (ulong)MemoryFileFlags.Huge2MiB),
        ("MFD_HUGE_1GB", (ulong)MemoryFileFlags.Huge1GiB),
        ("O_RDONLY", (ulong)OpenFlags.ReadOnly),
        ("O_RDWR", (ulong)OpenFlags.ReadWrite),
        ("O_NONBLOCK", (ulong)OpenFlags.NonBlocking),
        ("O_CLOEXEC", (ulong)OpenFlags.CloseOnExec),
        ("(unsigned)EFD_NONBLOCK", (ulong)OpenFlags.NonBlocking),
        ("(unsigned)EFD_CLOEXEC", (ulong)OpenFlags.CloseOnExec),
        ("(unsigned)SOCK_CLOEXEC", (ulong)OpenFlags.CloseOnExec),
        ("SEEK_END", (ulong)SeekFrom.End),
        ("SEEK_DATA", (ulong)SeekFrom.Data),
        ("SEEK_HOLE", (ulong)SeekFrom.Hole),
        ("FALLOC_FL_KEEP_SIZE", (ulong)FileAllocation.KeepSize),
        ("FALLOC_FL_PUNCH_HOLE", (ulong)FileAllocation.PunchHole),
        ("FALLOC_FL_ZERO_RANGE", (ulong)FileAllocation.ZeroRange),
        ("(unsigned)MSG_CTRUNC", (ulong)MessageFlags.ControlTruncated),
        ("(unsigned)MSG_DONTWAIT", (ulong)MessageFlags.DontWait),
        ("(unsigned)MSG_NOSIGNAL", (ulong)MessageFlags.NoSignal),
        ("(unsigned)MSG_CMSG_CLOEXEC", (ulong)MessageFlags.CloseOnExec),
        ("(unsigned)SCM_RIGHTS", LinuxConstants.SCM_RIGHTS),
        ("(unsigned)SOCK_STREAM", LinuxConstants.SOCK_STREAM),
        ("SOL_SOCKET", LinuxConstants.SOL_SOCKET),
        ("AF_UNIX", LinuxConstants.AF_UNIX),
        ("POLLIN", (ulong)PollEvents.In),
        ("POLLOUT", (ulong)PollEvents.Out),
        ("F_RDLCK", (ulong)FileLockType.Read),
        ("F_WRLCK", (ulong)FileLockType.Write),
        ("F_GETFL", (ulong)FileCommand.GetFlags),
        ("F_SETFL", (ulong)FileCommand.SetFlags),
        ("F_OFD_SETLK", (ulong)FileCommand.SetOpenFileLock),
        ("F_DUPFD_CLOEXEC", (ulong)FileCommand.DuplicateCloseOnExec),
        ("F_ADD_SEALS", (ulong)FileCommand.AddSeals),
        ("F_GET_SEALS", (ulong)FileCommand.GetSeals),
        ("F_SEAL_SEAL", (ulong)FileSeals.Seal),
        ("F_SEAL_SHRINK", (ulong)FileSeals.Shrink),
        ("F_SEAL_GROW", (ulong)FileSeals.Grow),
        ("F_SEAL_WRITE", (ulong)FileSeals.Write),
        ("F_SEAL_FUTURE_WRITE", (ulong)FileSeals.FutureWrite),
        ("AT_FDCWD", unchecked((uint)LinuxConstants.AT_FDCWD)),
        ("AT_SYMLINK_NOFOLLOW", LinuxConstants.AT_SYMLINK_NOFOLLOW),
        ("AT_EMPTY_PATH", LinuxConstants.AT_EMPTY_PATH),
        ("STATX_TYPE", LinuxConstants.STATX_TYPE),
        ("STATX_BASIC_STATS", LinuxConstants.STATX_BASIC_STATS),
        ("S_IFMT", FileStatus.TypeMask),
        ("S_IFREG", (ulong)FileType.Regular),
        ("S_IFBLK", (ulong)FileType.BlockDevice),
        ("S_IFDIR", (ulong)FileType.Directory),
        ("S_IFSOCK", (ulong)FileType.Socket),
        ("RLIMIT_NOFILE", LinuxConstants.RLIMIT_NOFILE),
        ("LOCK_EX", LinuxConstants.LOCK_EX),
        ("LOCK_NB", LinuxConstants.LOCK_NB),
        ("PATH_MAX", LinuxConstants.PATH_MAX),
        ("IOV_MAX", LinuxConstants.IOV_MAX),
        ("O_ACCMODE", LinuxConstants.O_ACCMODE),
        ("PR_SET_VMA", LinuxConstants.PR_SET_VMA),
        ("PR_SET_VMA_ANON_NAME", LinuxConstants.PR_SET_VMA_ANON_NAME),
        ("TMPFS_MAGIC", LinuxConstants.TMPFS_MAGIC),
        ("HUGETLBFS_MAGIC", LinuxConstants.HUGETLBFS_MAGIC),
        ("FUSE_SUPER_MAGIC", LinuxConstants.FUSE_SUPER_MAGIC),
        ("NFS_SUPER_MAGIC", LinuxConstants.NFS_SUPER_MAGIC),
        ("V9FS_MAGIC", LinuxConstants.V9FS_MAGIC),
        ("CIFS_SUPER_MAGIC", LinuxConstants.CIFS_SUPER_MAGIC),
        ("SMB2_SUPER_MAGIC", LinuxConstants.SMB2_SUPER_MAGIC),
        ("CEPH_SUPER_MAGIC", LinuxConstants.CEPH_SUPER_MAGIC),
        ("EPERM", ErrorNumber.NotPermitted),
        ("ENOENT", ErrorNumber.NoEntry),
        ("EINTR", ErrorNumber.Interrupted),
        ("EIO", ErrorNumber.InputOutput),
        ("EAGAIN", ErrorNumber.TryAgain),
        ("ENOMEM", ErrorNumber.NoMemory),
        ("EACCES", ErrorNumber.AccessDenied),
        ("EFAULT", ErrorNumber.BadAddress),
        ("ENODEV", ErrorNumber.NoDevice),
        ("EISDIR", ErrorNumber.IsDirectory),
        ("EINVAL", ErrorNumber.InvalidArgument),
        ("ENOSPC", ErrorNumber.NoSpace),
        ("ESPIPE", ErrorNumber.IllegalSeek),
        ("EPIPE", ErrorNumber.BrokenPipe),
        ("ENOSYS", ErrorNumber.NotImplemented),
        ("EOPNOTSUPP", ErrorNumber.NotSupported),
        ("ECONNRESET", ErrorNumber.ConnectionReset),
        ("sizeof(struct statx)", (ulong)Marshal.SizeOf<FileStatus>()),
        ("offsetof(struct statx, stx_blksize)", Offset(nameof(FileStatus.BlockSize))),
        ("offsetof(struct statx, stx_mode)", Offset(nameof(FileStatus.Mode))),
        ("offsetof(struct statx, stx_ino)", Offset(nameof(FileStatus.Inode))),
        ("offsetof(struct statx, stx_size)", Offset(nameof(FileStatus.Size))),
        ("offsetof(struct statx, stx_dev_major)", Offset(nameof(FileStatus.DeviceMajor))),
        ("offsetof(struct statx, stx_dev_minor)", Offset(nameof(FileStatus.DeviceMinor))),
        ("sizeof(struct flock)", (ulong)Marshal.SizeOf<FileLock>()),
        ("offsetof(struct flock, l_whence)", Offset<FileLock>(nameof(FileLock.Whence))),
        ("offsetof(struct flock, l_start)", Offset<FileLock>(nameof(FileLock.Start))),
        ("offsetof(struct flock, l_len)", Offset<FileLock>(nameof(FileLock.Length))),
        ("sizeof(struct pollfd)", (ulong)Marshal.SizeOf<PollEntry>()),
        ("offsetof(struct pollfd, events)", Offset<PollEntry>(nameof(PollEntry.Events))),
        ("offsetof(struct pollfd, revents)", Offset<PollEntry>(nameof(PollEntry.Returned))),
        ("sizeof(struct cmsghdr)", ControlHeader.Size),
        ("offsetof(struct cmsghdr, cmsg_type)", Offset<ControlHeader>(nameof(ControlHeader.Type))),
        ("CMSG_SPACE(3 * sizeof(int))", (ulong)ControlHeader.SpaceFor(3)),
        ("sizeof(struct msghdr)", (ulong)Marshal.SizeOf<SocketMessage>()),
        ("offsetof(struct msghdr, msg_iov)", Offset<SocketMessage>(nameof(SocketMessage.Parts))),
        ("offsetof(struct msghdr, msg_control)", Offset<SocketMessage>(nameof(SocketMessage.Control))),
        ("offsetof(struct msghdr, msg_flags)", Offset<SocketMessage>(nameof(SocketMessage.Flags))),
        ("offsetof(struct statfs, f_type)", 0),
        ("sizeof(((struct statfs *)0)->f_type)", 8),
        ("sizeof(struct statfs) <= 512", 1),
        ("sizeof(off_t)", 8),
        ("sizeof(size_t)", (ulong)nint.Size),
    ];

    [LinuxFact]
    public void Constants_and_layouts_agree() => CHeaders.ShouldAgree(
        """
        #define _GNU_SOURCE
        #include <errno.h>
        #include <limits.h>
        #include <fcntl.h>
        #include <poll.h>
        #include <sys/eventfd.h>
        #include <sys/file.h>
        #include <sys/mman.h>
        #include <sys/prctl.h>
        #include <sys/resource.h>
        #include <sys/socket.h>
        #include <sys/stat.h>
        #include <sys/vfs.h>
        #include <linux/magic.h>
        #include <linux/memfd.h>
        """,
        Expected,
        atLeast: Expected.Length / 2);

    private static ulong Offset(string field) => Offset<FileStatus>(field);

    private static ulong Offset<T>(string field) => (ulong)Marshal.OffsetOf<T>(field);
}
