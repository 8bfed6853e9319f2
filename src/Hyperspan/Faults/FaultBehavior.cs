namespace Hyperspan;

/// <summary>What the processor's accesses to a backing's mapping can meet. The access path follows from it.</summary>
/// <remarks>
/// Say the truth or less: memory declared <see cref="Never"/> that faults all the same ends the process, as any stray pointer would.
/// </remarks>
public enum FaultBehavior : byte
{
    /// <summary>
    /// An access may end in SIGSEGV or SIGBUS: files, memory received from another process, mappings with holes.
    /// Accessed by guarded loads and stores, which recover.
    /// </summary>
    MayFault = 0,

    /// <summary>
    /// As <see cref="MayFault"/>, and resolving a fault may need code in this process to run (userfaultfd served here, FUSE).
    /// Accessed by guarded loads and stores that let the garbage collector proceed meanwhile: about 1 ns slower, and never a deadlock.
    /// </summary>
    MayBlock = 1,

    /// <summary>
    /// No access to the mapping can ever fault, as long as the mapping's address range is reserved: private anonymous memory,
    /// or shared memory that nobody can shrink. Accessed by plain loads and stores.
    /// </summary>
    Never = 2,
}
