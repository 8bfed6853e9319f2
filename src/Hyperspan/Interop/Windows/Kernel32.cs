using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Windows;

/// <summary>The calls of kernel32.dll that the library makes; named and typed as in the headers of Windows.</summary>
internal static unsafe partial class Kernel32
{
    /// <summary>What <c>GetCurrentProcess</c> answers.</summary>
    internal const nint CurrentProcess = -1;

    [LibraryImport("kernel32", SetLastError = true)]
    internal static partial byte* VirtualAlloc(void* address, nuint size, AllocationType type, PageProtection protection);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    internal static partial bool VirtualFree(void* address, nuint size, FreeType type);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    internal static partial bool VirtualProtect(void* address, nuint size, PageProtection protection, out PageProtection before);

    /// <summary>Zero is success.</summary>
    [LibraryImport("kernel32", SetLastError = true)]
    internal static partial uint GetWriteWatch(WriteWatchOptions options, void* start, nuint size, void** pages, nuint* count, out uint granularity);

    [LibraryImport("kernel32", EntryPoint = "CreateFileMappingW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    internal static partial SafeFileHandle CreateFileMapping(SafeFileHandle file, void* security, PageProtection protection, uint sizeHigh, uint sizeLow, string? name);

    [LibraryImport("kernel32", SetLastError = true)]
    internal static partial byte* MapViewOfFileEx(SafeFileHandle section, ViewAccess access, uint offsetHigh, uint offsetLow, nuint length, void* address);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    internal static partial bool UnmapViewOfFile(void* address);

    /// <summary>Zero is failure.</summary>
    [LibraryImport("kernel32", SetLastError = true)]
    internal static partial nuint VirtualQuery(void* address, MemoryInformation* information, nuint size);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    internal static partial bool DuplicateHandle(
        nint sourceProcess, SafeFileHandle source, nint targetProcess, out nint target, uint access, [MarshalAs(UnmanagedType.Bool)] bool inherit, DuplicateOptions options);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    internal static partial bool FlushInstructionCache(nint process, void* address, nuint size);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    internal static partial bool GetProcessMitigationPolicy(nint process, int policy, void* buffer, nuint size);

    [LibraryImport("kernel32")]
    internal static partial nint AddVectoredExceptionHandler(uint first, void* handler);
}
