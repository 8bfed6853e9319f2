using System.Runtime.InteropServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Linux;

internal static unsafe partial class LibC
{
    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true)]
    internal static partial int CreateMemoryFile(byte* name, MemoryFileFlags flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int SetFileLength(SafeFileHandle file, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int AllocateFileRange(SafeFileHandle file, int mode, long offset, long length);

    // Variadic in C, as prctl is.
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int ControlFile(SafeFileHandle file, FileCommand command, nint argument);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    internal static partial int GetFileStatus(SafeFileHandle file, byte* path, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    internal static partial int GetFileSystemStatus(SafeFileHandle file, void* status);
}
