using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>Signals as Linux numbers them.</summary>
internal static partial class Signals
{
    internal const int Interrupt = 2;
    internal const int Kill = 9;
    internal const int Continue = 18;
    internal const int Stop = 19;

    internal static void Send(int process, int signal)
    {
        if (KillProcess(process, signal) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int KillProcess(int process, int signal);
}
