using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Windows;

/// <summary>The call of ntdll.dll that the library makes.</summary>
internal static unsafe partial class NtDll
{
    // PUBLIC_OBJECT_BASIC_INFORMATION: attributes, the access, two counts and ten words that are reserved.
    private const int Words = 14;

    /// <summary>What may be done by a handle; zero where that is not said.</summary>
    internal static uint GrantedAccess(SafeFileHandle handle)
    {
        uint* information = stackalloc uint[Words];

        // SAFETY: as many bytes as the call is told of.
        return NtQueryObject(handle, 0, information, Words * sizeof(uint), out _) == 0 ? information[1] : 0;
    }

    [LibraryImport("ntdll")]
    private static partial int NtQueryObject(SafeFileHandle handle, int what, void* information, uint length, out uint needed);
}
