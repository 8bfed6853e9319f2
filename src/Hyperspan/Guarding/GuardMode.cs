namespace Hyperspan;

/// <summary>How accesses to memory that can fault are kept from ending the process.</summary>
public enum GuardMode
{
    /// <summary>Not at all: memory that can fault is refused here.</summary>
    None,

    /// <summary>By system calls (process_vm_readv(2)). Correct, and about a thousand times slower for a single value.</summary>
    Substitute,

    /// <summary>By machine code and a signal handler that recover from SIGSEGV and SIGBUS; on Windows by a vectored exception handler.</summary>
    MachineCode,
}
