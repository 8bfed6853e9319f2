using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

namespace Hyperspan.TestHost.Storms;

/// <summary>Signals that arrive all the time, as a profiler's do: SIGPROF for each half millisecond of processor time.</summary>
internal static unsafe partial class ProfilingTimer
{
    /// <summary>SIGPROF.</summary>
    public const int Signal = 27;

    private const int ItimerProf = 2;
    private const int Restart = 0x10000000;
    private const int Block = 0;

    private static readonly nint Handler = (nint)ExecutablePage.TryCreate(ArmBase.Arm64.IsSupported ? [0xC0, 0x03, 0x5F, 0xD6] : [0xC3]);

    /// <summary>Installs a handler that is a single <c>ret</c>; false where this machine forbids executable pages.</summary>
    public static bool TryHandle(bool onAlternateStack)
    {
        SignalAction action = default;
        action.Handler = Handler;
        action.Flags = LinuxConstants.SA_SIGINFO | Restart | (onAlternateStack ? LinuxConstants.SA_ONSTACK : 0);
        return Handler != 0 && LibC.SigAction(Signal, &action, null) == 0;
    }

    /// <summary>Starts the timer, if the signal can be handled; whoever wants the handler elsewhere than on the current stack says so afterwards.</summary>
    public static void Start()
    {
        long* times = stackalloc long[] { 0, 500, 0, 500 };
        if (TryHandle(onAlternateStack: false) && SetTimer(ItimerProf, times, null) != 0)
        {
            throw new InvalidOperationException("The timer cannot be set.");
        }
    }

    public static void Stop()
    {
        long* times = stackalloc long[] { 0, 0, 0, 0 };
        _ = SetTimer(ItimerProf, times, null);
    }

    /// <summary>
    /// Spares the calling thread. One that meets null references must not be interrupted: the runtime cannot take it, see <see cref="Scenarios.SignalStackScenario"/>.
    /// </summary>
    public static void BlockHere()
    {
        ulong* signals = stackalloc ulong[16];
        new Span<ulong>(signals, 16).Clear();
        signals[0] = 1UL << (Signal - 1);
        if (SetMask(Block, signals, null) != 0)
        {
            throw new InvalidOperationException("The signal cannot be blocked.");
        }
    }

    [LibraryImport("libc", EntryPoint = "setitimer", SetLastError = true)]
    private static partial int SetTimer(int which, long* value, long* old);

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    private static partial int SetMask(int how, ulong* set, ulong* old);
}
