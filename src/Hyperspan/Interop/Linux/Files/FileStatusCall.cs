using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Linux;

/// <summary>statx(2), or what came before it: container runtimes older than it refuse it with EPERM, of which libc knows nothing.</summary>
internal static unsafe class FileStatusCall
{
    // Not a descriptor that anybody opened, and nothing to close.
    private static readonly SafeFileHandle CurrentDirectory = new(LinuxConstants.AT_FDCWD, ownsHandle: false);

    /// <summary>Asks for the state of what a path leads to, which need not be a file that may be read. Nothing is opened: a pipe would wait.</summary>
    /// <param name="path">The path.</param>
    /// <param name="followsLink">Whether of a symbolic link that is meant which it leads to.</param>
    /// <returns>The state, or nothing where there is no such file, or none that may be looked at, and on other systems than Linux.</returns>
    internal static FileStatus? Of(string path, bool followsLink)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        FileStatus status = default;

        // SAFETY: a local that outlives the call; the structure has the size the kernel writes.
        return Invoke(CurrentDirectory, path, followsLink ? 0 : LinuxConstants.AT_SYMLINK_NOFOLLOW, LinuxConstants.STATX_BASIC_STATS, &status) == 0
            ? status
            : null;
    }

    /// <summary>Asks for the state of an open file.</summary>
    /// <returns>The state, or nothing where the kernel does not say; the error number is that of the call.</returns>
    internal static FileStatus? Of(SafeFileHandle file)
    {
        FileStatus status = default;

        // SAFETY: a local that outlives the call; the structure has the size the kernel writes.
        return Invoke(file, "", LinuxConstants.AT_EMPTY_PATH, LinuxConstants.STATX_BASIC_STATS, &status) == 0 ? status : null;
    }

    /// <summary>Asks for the state of a file.</summary>
    /// <returns>Zero, or -1 with the error number of the call.</returns>
    internal static int Invoke(SafeFileHandle directory, string path, int flags, uint mask, FileStatus* status)
    {
        int result = LibC.Statx(directory, path, flags, mask, status);
        return result != 0 && Marshal.GetLastPInvokeError() is ErrorNumber.NotPermitted or ErrorNumber.NotImplemented
            ? InvokeOld(directory, path, flags, status)
            : result;
    }

    /// <summary>Does the same by the older call.</summary>
    internal static int InvokeOld(SafeFileHandle directory, string path, int flags, FileStatus* status)
    {
        // struct stat is 144 bytes on x86-64, 128 on arm64.
        ulong* old = stackalloc ulong[32];

        // SAFETY: the buffer is larger than the structure the kernel writes.
        if (LibC.Newfstatat(directory, path, old, flags) != 0)
        {
            return -1;
        }

        ulong device = old[0];
        byte* to = (byte*)status;

        // SAFETY: the offsets are those of the fields of FileStatus, whose size is 256 bytes.
        *(uint*)(to + 4) = (uint)old[7];
        *(ushort*)(to + 28) = (ushort)*(uint*)((byte*)old + (ArmBase.Arm64.IsSupported ? 16 : 24));
        *(ulong*)(to + 32) = old[1];
        *(ulong*)(to + 40) = old[6];
        *(uint*)(to + 136) = (uint)(((device >> 8) & 0xfff) | ((device >> 32) & 0xffff_f000));
        *(uint*)(to + 140) = (uint)((device & 0xff) | ((device >> 12) & 0xffff_ff00));
        return 0;
    }
}
