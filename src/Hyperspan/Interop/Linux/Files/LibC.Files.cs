using System.Runtime.InteropServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Linux;

/// <content>Files: opening them, what they are, their lengths, holes, locks and seals.</content>
internal static unsafe partial class LibC
{
    // Variadic in C, but the mode is only looked at where a file is created.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, OpenFlags flags);

    // With the mode of a file that is created.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, OpenFlags flags, uint mode);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Linkat(int folder, string path, int newFolder, string newPath, int flags);

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MemfdCreate(string name, MemoryFileFlags flags);

    // Variadic in C; on the 64-bit Linux calling conventions a number or a pointer behind the command travels alike either way.
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Fcntl(SafeFileHandle file, FileCommand command, nint argument);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Fcntl(int descriptor, FileCommand command, nint argument);

    // As fcntl.
    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Ioctl(SafeFileHandle file, nuint request, void* argument);

    /// <summary><c>statx(2)</c> by its number: musl knows it since 1.2.5 only, glibc since 2.28.</summary>
    internal static int Statx(SafeFileHandle directory, string path, int flags, uint mask, FileStatus* status) =>
        (int)StatusCall(LinuxConstants.SYS_statx, directory, path, flags, (nint)mask, (nint)status);

    /// <summary><c>newfstatat(2)</c>, likewise.</summary>
    internal static int Newfstatat(SafeFileHandle directory, string path, void* status, int flags) =>
        (int)StatusCall(LinuxConstants.SYS_newfstatat, directory, path, (nint)status, flags, 0);

    // Variadic in C; on the 64-bit Linux calling conventions the arguments travel alike either way.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint StatusCall(nint number, SafeFileHandle directory, string path, nint a, nint b, nint c);

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    internal static partial int Flock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Lchown(string path, uint owner, uint group);

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    internal static partial int Fstatfs(SafeFileHandle file, void* status);

    [LibraryImport("libc", EntryPoint = "readlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint Readlink(string path, byte* buffer, nuint count);

    // The buffer has room for PATH_MAX bytes.
    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint Realpath(string path, byte* resolved);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int Ftruncate(SafeFileHandle file, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int Fallocate(SafeFileHandle file, FileAllocation mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Lseek(SafeFileHandle file, long offset, SeekFrom origin);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int Fdatasync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    internal static partial int Fsync(SafeFileHandle file);
}
