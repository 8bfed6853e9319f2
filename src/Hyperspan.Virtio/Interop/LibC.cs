using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio.Interop;

/// <summary>The system calls that disk images need and .NET does not offer. Errors are read by <see cref="Marshal.GetLastPInvokeError"/>.</summary>
internal static unsafe partial class LibC
{
    internal const int OpenReadOnly = 0;
    internal const int OpenReadWrite = 2;
    internal const int OpenNonBlocking = 0x800;
    internal const int OpenCloseOnExec = 0x80000;

    internal const int SetOpenFileLock = 37; // F_OFD_SETLK
    internal const short ReadLock = 0;
    internal const short WriteLock = 1;

    internal const int KeepSize = 1; // FALLOC_FL_KEEP_SIZE
    internal const int PunchHole = 2; // FALLOC_FL_PUNCH_HOLE
    internal const int ZeroRange = 0x10; // FALLOC_FL_ZERO_RANGE

    internal const int SeekEnd = 2;

    internal const int AtEmptyPath = 0x1000;
    internal const uint StatxType = 1;
    internal const int StatxModeOffset = 28;
    internal const int FileTypeMask = 0xf000;
    internal const int FileTypeRegular = 0x8000;
    internal const int FileTypeBlock = 0x6000;
    internal const int FileTypeDirectory = 0x4000;

    internal const int NoEntry = 2;
    internal const int Interrupted = 4;
    internal const int InputOutput = 5;
    internal const int TryAgain = 11;
    internal const int AccessDenied = 13;
    internal const int IsDirectory = 21;
    internal const int InvalidArgument = 22;
    internal const int NotSupported = 95;
    internal const int NotImplemented = 38;

    // Variadic in C, but the mode is only looked at where a file is created.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    internal static partial int GetFileStatus(SafeFileHandle file, byte* path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(SafeFileHandle file, long offset, int origin);

    // Variadic in C; on the 64-bit Linux ABIs a pointer is passed alike either way.
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Lock(SafeFileHandle file, int command, FileLock* fileLock);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int SynchronizeData(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    internal static partial nint Read(SafeFileHandle file, byte* buffer, nuint length, long offset);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    internal static partial nint Write(SafeFileHandle file, byte* buffer, nuint length, long offset);
}
