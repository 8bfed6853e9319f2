using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Guarding;

/// <summary>
/// The barrier that restarts sequences. The process is registered for it on first use of this class, which is when memory under access bitmaps is made: in a process
/// of several threads the kernel takes ten milliseconds and more for that.
/// </summary>
internal static class RestartableBarrier
{
    /// <summary>Whether sequences can be used: the machine code has them, and the barrier is there.</summary>
    public static readonly bool IsRegistered = GuardEntry.HasRestartableSequences
        && LibC.Membarrier(LinuxConstants.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ) == 0;

    /// <summary>Restarts every sequence of this process that is under way, and waits until that has happened.</summary>
    public static void Flush()
    {
        if (LibC.Membarrier(LinuxConstants.MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) != 0)
        {
            ThrowFailed();
        }
    }

    [DoesNotReturn]
    private static void ThrowFailed() => throw new InvalidOperationException("membarrier fails: " + Marshal.GetLastPInvokeErrorMessage());
}
