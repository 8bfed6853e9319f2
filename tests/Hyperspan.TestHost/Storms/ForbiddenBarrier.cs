using System.Runtime.Intrinsics.Arm;

namespace Hyperspan.TestHost.Storms;

/// <summary>
/// Forbids the calling thread a command of membarrier(2): the kernel ends the process by SIGSYS where the thread issues it. Nothing else can show for certain that a
/// barrier is issued: what it orders goes wrong without it only now and then.
/// </summary>
internal static class ForbiddenBarrier
{
    /// <summary>MEMBARRIER_CMD_PRIVATE_EXPEDITED: each running thread of the process executes a fence. What the runtime's process-wide barrier is made of.</summary>
    public const uint Fence = 1 << 3;

    /// <summary>MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: each restartable sequence of the process starts over.</summary>
    public const uint Restart = 1 << 7;

    // AUDIT_ARCH_AARCH64 and AUDIT_ARCH_X86_64.
    private static uint Architecture => ArmBase.Arm64.IsSupported ? 0xC00000B7 : 0xC000003E;

    private static uint Membarrier => ArmBase.Arm64.IsSupported ? 283u : 324u;

    /// <summary>Forbids it from now on, or says why it cannot.</summary>
    public static bool TryForbid(uint command, out string reason) => SeccompFilter.TryInstall(
        [
            SeccompFilter.Load(SeccompFilter.ArchitectureOffset),
            SeccompFilter.Compare(Architecture, ifEqual: 0, otherwise: 5),
            SeccompFilter.Load(SeccompFilter.NumberOffset),
            SeccompFilter.Compare(Membarrier, ifEqual: 0, otherwise: 3),
            SeccompFilter.Load(SeccompFilter.FirstArgumentOffset),
            SeccompFilter.Compare(command, ifEqual: 0, otherwise: 1),
            SeccompFilter.Answer(SeccompFilter.KillProcess),
            SeccompFilter.Answer(SeccompFilter.Allow),
        ],
        out reason);
}
