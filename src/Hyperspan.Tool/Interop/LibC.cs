using System.Runtime.InteropServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Interop;

/// <summary>The system calls by which the machine is examined, and by which the demonstration makes memory that can be truncated.</summary>
internal static unsafe partial class LibC
{
    internal const int ReadProtection = 1;
    internal const int WriteProtection = 2;
    internal const int ExecuteProtection = 4;
    internal const int PrivateAnonymous = 0x22;

    internal const uint CloseOnExec = 1;
    internal const uint AllowSealing = 2;
    internal const int AddSeals = 1033;
    internal const int SealShrink = 2;

    internal const int OpenReadWrite = 2;
    internal const int OpenCloseOnExec = 0x8_0000;
    internal const int OpenNonBlocking = 0x800;

    internal const int SeekData = 3;
    internal const int SeekHole = 4;

    internal const int OpenFilesLimit = 7;
    internal const int PopulateWrite = 23;

    internal const nint MembarrierCall = 324;
    internal const nint UserfaultfdCall = 323;

    private const string Name = "libc";

    [LibraryImport(Name, EntryPoint = "mmap", SetLastError = true)]
    internal static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport(Name, EntryPoint = "mprotect", SetLastError = true)]
    internal static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport(Name, EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Unmap(nint address, nuint length);

    [LibraryImport(Name, EntryPoint = "madvise", SetLastError = true)]
    internal static partial int Advise(nint address, nuint length, int advice);

    [LibraryImport(Name, EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int CreateMemoryFile(string name, uint flags);

    [LibraryImport(Name, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Control(SafeFileHandle file, int command, nint argument);

    [LibraryImport(Name, EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport(Name, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags);

    [LibraryImport(Name, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Request(SafeFileHandle file, nuint request, void* argument);

    [LibraryImport(Name, EntryPoint = "eventfd", SetLastError = true)]
    internal static partial int CreateEvent(uint value, int flags);

    [LibraryImport(Name, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Call(nint number, nint first, nint second, nint third);

    [LibraryImport(Name, EntryPoint = "getrlimit", SetLastError = true)]
    internal static partial int GetLimit(int resource, ulong* softAndHard);

    [LibraryImport(Name, EntryPoint = "process_vm_readv", SetLastError = true)]
    internal static partial nint ReadProcess(int process, nint* local, nuint localCount, nint* remote, nuint remoteCount, nuint flags);

    /// <summary>The reason of the last failure in words.</summary>
    internal static string LastError() => Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
}
