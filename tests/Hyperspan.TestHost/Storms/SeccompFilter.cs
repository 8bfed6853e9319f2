using System.Runtime.InteropServices;

namespace Hyperspan.TestHost.Storms;

/// <summary>A filter of system calls (seccomp(2)) on the calling thread, as a container has one on all of them.</summary>
internal static unsafe partial class SeccompFilter
{
    // Of linux/seccomp.h: the answers, and where things are in struct seccomp_data.
    public const uint KillProcess = 0x80000000;
    public const uint NotPermitted = 0x00050001;
    public const uint Allow = 0x7fff0000;
    public const uint NumberOffset = 0;
    public const uint ArchitectureOffset = 4;
    public const uint FirstArgumentOffset = 16;

    private const int NoNewPrivileges = 38;
    private const int SetSeccomp = 22;
    private const uint FilterMode = 2;

    // Of linux/filter.h: load a word of the call's description, jump if equal, answer.
    private const ushort LoadWord = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort AnswerWith = 0x06;

    /// <summary>Loads a word of the call's description.</summary>
    public static Step Load(uint offset) => new(LoadWord, 0, 0, offset);

    /// <summary>Compares the loaded word, and passes over some of the steps that follow.</summary>
    public static Step Compare(uint value, byte ifEqual, byte otherwise) => new(JumpIfEqual, ifEqual, otherwise, value);

    /// <summary>Decides.</summary>
    public static Step Answer(uint answer) => new(AnswerWith, 0, 0, answer);

    /// <summary>Has the steps decide from now on, or says why it cannot.</summary>
    public static bool TryInstall(ReadOnlySpan<Step> steps, out string reason)
    {
        // SAFETY: the kernel copies the steps before it returns.
        fixed (Step* first = steps)
        {
            var program = new FilterProgram { Length = (ushort)steps.Length, Steps = first };
            if (Control(NoNewPrivileges, 1, null, 0, 0) != 0 || Control(SetSeccomp, FilterMode, &program, 0, 0) != 0)
            {
                reason = "seccomp: " + Marshal.GetLastPInvokeErrorMessage();
                return false;
            }
        }

        reason = "";
        return true;
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nuint first, void* second, nuint third, nuint fourth);

    /// <summary>struct sock_filter.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly struct Step(ushort code, byte ifEqual, byte otherwise, uint value)
    {
        public readonly ushort Code = code;
        public readonly byte IfEqual = ifEqual;
        public readonly byte Otherwise = otherwise;
        public readonly uint Value = value;
    }

    private struct FilterProgram
    {
        public ushort Length;
        public Step* Steps;
    }
}
