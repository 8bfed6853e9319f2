using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

internal static unsafe partial class LibC
{
    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    internal static partial void* MapMemory(
        void* address, nuint length, MappingProtection protection, MappingFlags flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    internal static partial int UnmapMemory(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    internal static partial int ProtectMemory(void* address, nuint length, MappingProtection protection);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    internal static partial int AdviseMemory(void* address, nuint length, MemoryAdvice advice);

    // The C prototype is variadic; on the 64-bit Linux calling conventions integer arguments travel alike either way.
    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    internal static partial int ControlProcess(int option, nuint argument2, void* argument3, nuint argument4, byte* argument5);
}
