using System.Runtime.InteropServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Linux;

/// <content>Reading and writing: one buffer, or many at once (readv(2), preadv(2)).</content>
internal static unsafe partial class LibC
{
    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(SafeFileHandle file, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(SafeFileHandle file, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write")]
    internal static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    internal static partial nint Pread(SafeFileHandle file, void* buffer, nuint length, long offset);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    internal static partial nint Pwrite(SafeFileHandle file, void* buffer, nuint length, long offset);

    [LibraryImport("libc", EntryPoint = "readv", SetLastError = true)]
    internal static partial nint Readv(SafeHandle file, IoVector* vectors, int count);

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    internal static partial nint Writev(SafeHandle file, IoVector* vectors, int count);

    [LibraryImport("libc", EntryPoint = "preadv", SetLastError = true)]
    internal static partial nint Preadv(SafeFileHandle file, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", EntryPoint = "pwritev", SetLastError = true)]
    internal static partial nint Pwritev(SafeFileHandle file, IoVector* vectors, int count, long offset);

    /// <summary><c>preadv2(2)</c> by its number: musl knows it since 1.2.5 only. The upper half of an offset is in the lower one on 64-bit Linux.</summary>
    internal static nint Preadv2(SafeFileHandle file, IoVector* vectors, int count, long offset, int flags) =>
        TransferCall(LinuxConstants.SYS_preadv2, file, vectors, count, (nint)offset, 0, flags);

    /// <summary><c>pwritev2(2)</c>, likewise.</summary>
    internal static nint Pwritev2(SafeFileHandle file, IoVector* vectors, int count, long offset, int flags) =>
        TransferCall(LinuxConstants.SYS_pwritev2, file, vectors, count, (nint)offset, 0, flags);

    // Variadic in C; on the 64-bit Linux calling conventions the arguments travel alike either way.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint TransferCall(nint number, SafeFileHandle file, IoVector* vectors, nint count, nint offset, nint upper, nint flags);
}
