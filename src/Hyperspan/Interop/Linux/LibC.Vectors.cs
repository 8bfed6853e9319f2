using System.Runtime.InteropServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Linux;

/// <content>Scatter/gather input and output: readv(2), preadv(2).</content>
internal static unsafe partial class LibC
{
    [LibraryImport("libc", EntryPoint = "preadv64", SetLastError = true)]
    internal static partial nint Preadv(SafeFileHandle file, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", EntryPoint = "pwritev64", SetLastError = true)]
    internal static partial nint Pwritev(SafeFileHandle file, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", EntryPoint = "readv", SetLastError = true)]
    internal static partial nint Readv(SafeHandle file, IoVector* vectors, int count);

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    internal static partial nint Writev(SafeHandle file, IoVector* vectors, int count);
}
