using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Interop;

/// <summary>What a path leads to.</summary>
internal static unsafe class FileKind
{
    // Not a descriptor that anybody opened, and nothing to close.
    private static readonly SafeFileHandle CurrentDirectory = new(LinuxConstants.AT_FDCWD, ownsHandle: false);

    internal static bool IsSocket(string path)
    {
        FileStatus status = default;

        // SAFETY: a local that outlives the call; the structure has the size the kernel writes.
        return LibC.Statx(CurrentDirectory, path, LinuxConstants.AT_SYMLINK_NOFOLLOW, LinuxConstants.STATX_TYPE, &status) == 0
            && status.Type == FileType.Socket;
    }
}
