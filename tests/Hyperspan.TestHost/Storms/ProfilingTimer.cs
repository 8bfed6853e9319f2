using System.Runtime.InteropServices;
using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

namespace Hyperspan.TestHost.Storms;

/// <summary>Signals that arrive all the time, as a profiler's do: SIGPROF for each half millisecond of processor time.</summary>
internal static unsafe partial class ProfilingTimer
{
    private const int ItimerProf = 2;
    private const int Sigprof = 27;
    private const int Restart = 0x10000000;

    /// <summary>Starts it, unless this machine forbids executable pages: the handler is a single <c>ret</c>.</summary>
    public static void Start()
    {
        byte* handler = ExecutablePage.TryCreate([0xC3]);
        if (handler == null)
        {
            return;
        }

        SignalAction action = default;
        action.Handler = (nint)handler;
        // On the stack of whoever is interrupted: the runtime may still be reading the frame of a SIGSEGV that lies on the alternate one.
        action.Flags = LinuxConstants.SA_SIGINFO | Restart;
        long* times = stackalloc long[] { 0, 500, 0, 500 };
        if (LibC.SigAction(Sigprof, &action, null) != 0 || SetTimer(ItimerProf, times, null) != 0)
        {
            throw new InvalidOperationException("The timer cannot be set.");
        }
    }

    public static void Stop()
    {
        long* times = stackalloc long[] { 0, 0, 0, 0 };
        _ = SetTimer(ItimerProf, times, null);
    }

    [LibraryImport("libc", EntryPoint = "setitimer", SetLastError = true)]
    private static partial int SetTimer(int which, long* value, long* old);
}
