using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

internal static unsafe partial class LibC
{
    /// <summary>What <see cref="Mmap"/> returns on failure.</summary>
    internal static byte* MapFailed => (byte*)-1;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    internal static partial byte* Mmap(byte* address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Munmap(byte* address, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    internal static partial int Mprotect(byte* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int Ftruncate(int fd, long length);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "process_vm_readv", SetLastError = true)]
    internal static partial nint ProcessVmReadv(
        int pid, IoVector* local, nuint localCount, IoVector* remote, nuint remoteCount, nuint flags);

    [LibraryImport("libc", EntryPoint = "process_vm_writev", SetLastError = true)]
    internal static partial nint ProcessVmWritev(
        int pid, IoVector* local, nuint localCount, IoVector* remote, nuint remoteCount, nuint flags);

    /// <summary><c>futex(2)</c>, which libc offers only through <c>syscall(2)</c>.</summary>
    internal static nint Futex(uint* word, int operation, uint value, nuint value2, uint* word2, uint value3)
    {
        return Syscall(LinuxConstants.SYS_futex, (nint)word, operation, (nint)value, (nint)value2, (nint)word2, (nint)value3);
    }

    /// <summary><c>membarrier(2)</c>, which libc offers only through <c>syscall(2)</c>.</summary>
    internal static int Membarrier(int command) => (int)Syscall(LinuxConstants.SYS_membarrier, command, 0, 0, 0, 0, 0);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);
}
