using System.Runtime.CompilerServices;

using Hyperspan.UserFaults;

namespace Hyperspan.Guarding;

/// <summary>
/// Memory accesses that answer with a status where the plain ones would raise SIGSEGV or SIGBUS.
/// </summary>
/// <remarks>
/// <para>Every access comes in two transitions, chosen by <c>mayBlock</c>. With <see langword="false"/> the thread stays visible
/// to the garbage collector as running managed code: fast, but nobody can collect until it returns. It must never be used on
/// memory whose faults can block (userfaultfd), or the next collection deadlocks the process. With <see langword="true"/> a
/// collection can go on meanwhile; so whatever managed memory takes part must be pinned.</para>
/// <para>
/// Without a transition the machine code is called as a function of the managed calling convention. On x86-64 Linux that passes these arguments, and returns
/// two words, in the same registers as C does. What differs is the call site: nothing but the call. A call by the unmanaged convention without transition adds
/// a poll for the collector; and where the optimizer's profile says that the place is rarely reached (it was trained on memory that cannot fault, say), it
/// becomes a call through a helper of the runtime that costs 4 ns more. To the collector both are the same: the thread counts as running managed code, at an
/// address that is no managed code; it cannot be stopped there, only after it has returned, and no stack is walked meanwhile.
/// </para>
/// <para>All members are thread-safe. Addresses are the caller's business: an access to valid memory that belongs to somebody
/// else is not detected.</para>
/// </remarks>
internal static unsafe partial class Guard
{
    /// <summary>Guarded access works here, by machine code or by the substitute.</summary>
    public static bool IsSupported => GuardEntry.IsSupported;

    /// <summary><see langword="false"/> where <see cref="SubstituteGuard"/> does the work.</summary>
    public static bool UsesMachineCode
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => GuardEntry.UsesMachineCode;
    }

    /// <summary>Which of the two is in use, and why, for diagnostics.</summary>
    public static string Description => GuardEntry.Description;

    /// <summary>
    /// Installs the signal handlers if that has not happened yet. Guarded accesses do this themselves; calling it early takes the
    /// cost out of the first one. The handlers stay for the life of the process.
    /// </summary>
    public static void EnsureInstalled() => RuntimeHelpers.RunClassConstructor(typeof(GuardEntry).TypeHandle);

    /// <summary>
    /// Keeps what pages hold before they are written, until it is asked to end (<see cref="UserFaults.PageKeeper"/>). With a transition, and without anything of the runtime:
    /// it goes on while collections wait for threads that it holds. Only where <see cref="UsesMachineCode"/>.
    /// </summary>
    public static void KeepPages(KeeperState* state)
    {
        // SAFETY: the code makes system calls only, and writes to the state and the words that it names; whoever calls keeps them for as long.
        ((delegate* unmanaged[Cdecl]<KeeperState*, void>)(GuardEntry.BlockingCode + StubCode.KeepPagesOffset))(state);
    }

    /// <summary>How many pages are accessed without a transition before the collector is let go on.</summary>
    public const int PagesAtOnce = 16;

    /// <summary>
    /// Lets a collection that waits for this thread go on. In a loop of accesses without a transition the runtime nearly always finds the thread in machine code,
    /// where it cannot be
    /// stopped; this is a call of nothing, with a transition. Nothing where no machine code has been installed: the substitute makes system calls, and plain
    /// accesses can be stopped.
    /// </summary>
    public static void LetCollect()
    {
        // Not asked of GuardEntry, which would install what a program over memory that cannot fault does without.
        if (GuardInstallation.HasCode)
        {
            // SAFETY: a copy of no bytes accesses nothing.
            _ = ((delegate* unmanaged[Cdecl]<byte*, byte*, nuint, GuardedResult>)(GuardEntry.BlockingCode + GuardEntry.CopyOffset))(null, null, 0);
        }
    }
}
