using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Linux;

/// <content>Scatter/gather input and output: readv(2), preadv(2).</content>
internal static unsafe partial class LibC
{
    /// <summary>The most vectors that one call takes (<c>IOV_MAX</c>).</summary>
    internal const int MaxVectors = 1024;

    [LibraryImport("libc", EntryPoint = "preadv64", SetLastError = true)]
    internal static partial nint ReadVectorsAt(SafeFileHandle file, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", EntryPoint = "pwritev64", SetLastError = true)]
    internal static partial nint WriteVectorsAt(SafeFileHandle file, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", EntryPoint = "readv", SetLastError = true)]
    internal static partial nint ReadVectors(SafeHandle file, IoVector* vectors, int count);

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    internal static partial nint WriteVectors(SafeHandle file, IoVector* vectors, int count);
}
