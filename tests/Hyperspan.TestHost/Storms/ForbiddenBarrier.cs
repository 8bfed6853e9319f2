using System.Runtime.InteropServices;

namespace Hyperspan.TestHost.Storms;

/// <summary>
/// Forbids the calling thread a command of membarrier(2): the kernel ends the process by SIGSYS where the thread issues it. Nothing else can show for certain that a
/// barrier is issued: what it orders goes wrong without it only now and then.
/// </summary>
internal static unsafe partial class ForbiddenBarrier
{
    /// <summary>MEMBARRIER_CMD_PRIVATE_EXPEDITED: each running thread of the process executes a fence. What the runtime's process-wide barrier is made of.</summary>
    public const uint Fence = 1 << 3;

    /// <summary>MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: each restartable sequence of the process starts over.</summary>
    public const uint Restart = 1 << 7;

    private const int NoNewPrivileges = 38;
    private const int SetSeccomp = 22;
    private const uint FilterMode = 2;

    private const uint ArchitectureX64 = 0xC000003E;
    private const uint Membarrier = 324;
    private const uint KillProcess = 0x80000000;
    private const uint Allow = 0x7fff0000;

    // Of linux/filter.h: load a word of the call's description, jump unless equal, answer.
    private const ushort Load = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort Answer = 0x06;

    // Of linux/seccomp.h, struct seccomp_data.
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;
    private const uint FirstArgumentOffset = 16;

    /// <summary>Forbids it from now on, or says why it cannot.</summary>
    public static bool TryForbid(uint command, out string reason)
    {
        Step* steps = stackalloc Step[]
        {
            new Step(Load, 0, ArchitectureOffset),
            new Step(JumpIfEqual, 5, ArchitectureX64),
            new Step(Load, 0, NumberOffset),
            new Step(JumpIfEqual, 3, Membarrier),
            new Step(Load, 0, FirstArgumentOffset),
            new Step(JumpIfEqual, 1, command),
            new Step(Answer, 0, KillProcess),
            new Step(Answer, 0, Allow),
        };
        var program = new FilterProgram { Length = 8, Steps = steps };
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

    /// <summary>struct sock_filter. A comparison that holds goes on with the next step (the byte at offset 2 is zero), one that does not passes over some.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 8)]
    private readonly struct Step(ushort code, byte otherwise, uint value)
    {
        [FieldOffset(0)]
        public readonly ushort Code = code;

        [FieldOffset(3)]
        public readonly byte Otherwise = otherwise;

        [FieldOffset(4)]
        public readonly uint Value = value;
    }

    private struct FilterProgram
    {
        public ushort Length;
        public Step* Steps;
    }
}
