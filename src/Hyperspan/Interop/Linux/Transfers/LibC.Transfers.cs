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

    [LibraryImport("libc", EntryPoint = "preadv64", SetLastError = true)]
    internal static partial nint Preadv(SafeFileHandle file, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", EntryPoint = "preadv64v2", SetLastError = true)]
    internal static partial nint Preadv2(SafeFileHandle file, IoVector* vectors, int count, long offset, int flags);

    [LibraryImport("libc", EntryPoint = "pwritev64", SetLastError = true)]
    internal static partial nint Pwritev(SafeFileHandle file, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", EntryPoint = "pwritev64v2", SetLastError = true)]
    internal static partial nint Pwritev2(SafeFileHandle file, IoVector* vectors, int count, long offset, int flags);
}
