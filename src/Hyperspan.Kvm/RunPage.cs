using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Kvm;

/// <summary>What a processor shares with this process, mapped.</summary>
internal static unsafe class RunPage
{
    internal static byte* Map(SafeFileHandle processor, nuint length, long offset)
    {
        using var held = new HeldDescriptor(processor);

        // SAFETY: a new mapping, at an address of the kernel's choice.
        byte* mapping = LibC.Mmap(null, length, MappingProtection.ReadWrite, MappingFlags.Shared, held.Number, offset);
        return mapping != LibC.MapFailed ? mapping : throw new KvmException("mmap of a processor", Marshal.GetLastPInvokeError());
    }
}
