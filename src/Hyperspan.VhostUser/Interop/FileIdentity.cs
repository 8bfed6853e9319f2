using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Interop;

/// <summary>Which file a path leads to, links not followed.</summary>
internal readonly record struct FileIdentity
{
    // Not a descriptor that anybody opened, and nothing to close.
    private static readonly SafeFileHandle CurrentDirectory = new(LinuxConstants.AT_FDCWD, ownsHandle: false);

    private readonly ulong _device;
    private readonly ulong _inode;

    private FileIdentity(in FileStatus status)
    {
        _device = ((ulong)status.DeviceMajor << 32) | status.DeviceMinor;
        _inode = status.Inode;
        IsSocket = status.Type == FileType.Socket;
    }

    internal bool IsSocket { get; }

    /// <summary>Asks, or gives nothing where there is no such file.</summary>
    internal static unsafe FileIdentity? Of(string path)
    {
        FileStatus status = default;

        // SAFETY: a local that outlives the call; the structure has the size the kernel writes.
        return FileStatusCall.Invoke(CurrentDirectory, path, LinuxConstants.AT_SYMLINK_NOFOLLOW, LinuxConstants.STATX_BASIC_STATS, &status) == 0
            ? new FileIdentity(in status)
            : null;
    }
}
