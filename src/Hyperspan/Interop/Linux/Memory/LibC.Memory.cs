using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <content>Memory of this process: mmap(2) and what changes it.</content>
internal static unsafe partial class LibC
{
    /// <summary>What <see cref="Mmap"/> returns on failure.</summary>
    internal static byte* MapFailed => (byte*)-1;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    internal static partial byte* Mmap(void* address, nuint length, MappingProtection protection, MappingFlags flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Munmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    internal static partial int Mprotect(void* address, nuint length, MappingProtection protection);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    internal static partial int Madvise(void* address, nuint length, MemoryAdvice advice);
}
