using Hyperspan.Interop.Linux;

namespace Hyperspan.Guarding;

/// <summary>
/// The signals that a thread holds back. A thread that raises SIGSEGV or SIGBUS while it blocks it is killed, and the process with it: the kernel asks no handler.
/// Threads inherit the mask of the thread that starts them, and the first that of the parent process.
/// </summary>
internal static unsafe class SignalMask
{
    private const int WordsOfSet = 16;

    /// <summary>Lets the calling thread take the signals of faults.</summary>
    internal static void UnblockFaults()
    {
        ulong* signals = stackalloc ulong[WordsOfSet];
        new Span<ulong>(signals, WordsOfSet).Clear();
        signals[0] = (1UL << (LinuxConstants.SIGSEGV - 1)) | (1UL << (LinuxConstants.SIGBUS - 1));

        // SAFETY: the set is as long as libc's, on this stack. It cannot fail with this command.
        _ = LibC.PthreadSigmask(LinuxConstants.SIG_UNBLOCK, signals, null);
    }
}
