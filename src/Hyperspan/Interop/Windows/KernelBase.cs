using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Windows;

/// <summary>The calls of kernelbase.dll that the library makes, which older systems have not; named and typed as in the headers of Windows.</summary>
internal static unsafe partial class KernelBase
{
    [LibraryImport("kernelbase", SetLastError = true)]
    internal static partial byte* VirtualAlloc2(
        nint process, void* address, nuint size, AllocationType type, PageProtection protection, void* parameters, uint parameterCount);

    [LibraryImport("kernelbase", SetLastError = true)]
    internal static partial byte* MapViewOfFile3(
        SafeFileHandle section, nint process, void* address, ulong offset, nuint length, AllocationType type, PageProtection protection, void* parameters, uint parameterCount);

    [LibraryImport("kernelbase", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    internal static partial bool UnmapViewOfFile2(nint process, void* address, UnmapOptions options);

    /// <summary>Whether two handles are of one object.</summary>
    [LibraryImport("kernelbase")]
    [return: MarshalAs(UnmanagedType.Bool)]
    internal static partial bool CompareObjectHandles(SafeFileHandle first, SafeFileHandle second);
}
