using System.Runtime.InteropServices;

namespace Hyperspan.TestHost.Storms;

/// <summary>Refuses the calling thread process_vm_readv(2) and process_vm_writev(2), as a container's seccomp filter does: they fail with EPERM.</summary>
internal static unsafe partial class ForbiddenTransfer
{
    private const int NoNewPrivileges = 38;
    private const int SetSeccomp = 22;
    private const uint FilterMode = 2;

    // Of linux/filter.h and linux/seccomp.h: load the number of the call, jump if equal, answer. The fields of a step are code, then, else and value.
    private const ulong LoadNumber = 0x20;
    private const ulong ReadvRefused = 0x15 | (1UL << 16) | (310UL << 32);
    private const ulong OthersAllowed = 0x15 | (1UL << 24) | (311UL << 32);
    private const ulong AnswerNotPermitted = 0x06 | (0x00050001UL << 32);
    private const ulong AnswerAllow = 0x06 | (0x7fff0000UL << 32);

    /// <summary>Refuses them from now on, or says why it cannot.</summary>
    public static bool TryForbid(out string reason)
    {
        ulong* steps = stackalloc ulong[] { LoadNumber, ReadvRefused, OthersAllowed, AnswerNotPermitted, AnswerAllow };
        var program = new FilterProgram { Length = 5, Steps = steps };
        if (Control(NoNewPrivileges, 1, null, 0, 0) != 0 || Control(SetSeccomp, FilterMode, &program, 0, 0) != 0)
        {
            reason = "seccomp: " + Marshal.GetLastPInvokeErrorMessage();
            return false;
        }

        reason = "";
        return true;
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nuint first, void* second, nuint third, nuint fourth);

    private struct FilterProgram
    {
        public ushort Length;
        public ulong* Steps;
    }
}
