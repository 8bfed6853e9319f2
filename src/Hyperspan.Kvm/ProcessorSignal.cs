using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <summary>The real-time signal that brings a thread out of its guest. It does nothing: that it comes is enough for the kernel to leave the guest.</summary>
/// <remarks>
/// Its handler is libc's getpid, which takes no argument, may be called in a handler and changes nothing: so no managed code runs in a signal, and no machine code of
/// our own is needed. Without SA_RESTART: a call that it meets returns, as KVM_RUN does.
/// </remarks>
internal static unsafe class ProcessorSignal
{
    private static readonly Lazy<int> Chosen = new(Install);

    /// <summary>Gets the number of the signal, which this process uses for nothing else.</summary>
    internal static int Number => Chosen.Value;

    /// <summary>Sends it to a thread of this process.</summary>
    internal static void Send(int thread) => _ = LibC.Tgkill(LibC.GetPid(), thread, Number);

    /// <summary>Sees to it that this thread does not hold it back.</summary>
    internal static void Accept()
    {
        ulong* set = stackalloc ulong[16];
        new Span<ulong>(set, 16).Clear();
        set[(Number - 1) / 64] = 1UL << ((Number - 1) % 64);

        // SAFETY: a set of the size that the call reads.
        _ = LibC.PthreadSigmask(LinuxConstants.SIG_UNBLOCK, set, null);
    }

    private static int Install()
    {
        var action = new SignalAction { Handler = NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "getpid") };

        // From the upper end: the runtime and libc take theirs from the lower one.
        for (int signal = LinuxConstants.SIGRTMAX - 1; signal > LinuxConstants.SIGRTMIN; signal--)
        {
            SignalAction previous;

            // SAFETY: structures of the size that the call takes. The handler stays: libc is never unloaded.
            if (LibC.SigAction(signal, null, &previous) == 0 && previous.Handler == LinuxConstants.SIG_DFL && LibC.SigAction(signal, &action, null) == 0)
            {
                return signal;
            }
        }

        throw new InvalidOperationException("All real-time signals are in use, and one is needed to interrupt a processor.");
    }
}
