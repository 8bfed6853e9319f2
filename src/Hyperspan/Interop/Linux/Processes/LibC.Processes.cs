using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <content>The process as a whole, its threads, and the memory of processes.</content>
internal static unsafe partial class LibC
{
    [LibraryImport("libc", EntryPoint = "getpid")]
    internal static partial int GetPid();

    /// <summary>Ends the process at once, all threads, without running anything more of it.</summary>
    [LibraryImport("libc", EntryPoint = "_exit")]
    internal static partial void ExitGroup(int status);

    /// <summary>Random bytes of the kernel. A call for more than 256 may give fewer.</summary>
    [LibraryImport("libc", EntryPoint = "getrandom", SetLastError = true)]
    internal static partial nint GetRandom(byte* buffer, nuint length, uint flags);

    // The C prototype is variadic; on the 64-bit Linux calling conventions integer arguments travel alike either way.
    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    internal static partial int Prctl(int option, nuint argument2, void* argument3, nuint argument4, byte* argument5);

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

    /// <summary><c>gettid(2)</c>, likewise: libc knows it since glibc 2.30 only.</summary>
    internal static int GetTid() => (int)Syscall(LinuxConstants.SYS_gettid, 0, 0, 0, 0, 0, 0);

    /// <summary><c>tgkill(2)</c>, likewise.</summary>
    internal static int Tgkill(int process, int thread, int signal) => (int)Syscall(LinuxConstants.SYS_tgkill, process, thread, signal, 0, 0, 0);

    /// <summary><c>userfaultfd(2)</c>, likewise.</summary>
    internal static int Userfaultfd(OpenFlags flags) => (int)Syscall(LinuxConstants.SYS_userfaultfd, (nint)flags, 0, 0, 0, 0, 0);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    internal static partial int Getrlimit(int resource, ulong* softAndHard);

    [LibraryImport("libc", EntryPoint = "getauxval")]
    internal static partial nuint GetAuxiliaryValue(nuint type);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);
}
