using Hyperspan.Interop.Linux;

namespace Hyperspan.Guarding;

/// <summary>
/// Puts our handler in front of whatever handles a signal. The flags and the mask of the other stay, because the runtime's
/// handlers depend on them; only SA_SIGINFO is added (a handler without it ignores the further arguments). SA_RESETHAND goes,
/// because the kernel would take our handler away with it; the machine code does its work instead.
/// </summary>
/// <remarks>
/// SA_ONSTACK is not for us to add. The runtime's alternate stacks have room for its own handler of SIGSEGV, which asks for them
/// and keeps the signal that suspends threads away by its mask. SIGBUS has neither: on the alternate stack that signal would
/// come on top of it, and with a profiler's between them 12 KiB are not enough for frames of AVX-512's size.
/// </remarks>
internal static unsafe class SignalChain
{
    // The values of segv_mode and bus_mode in the listing.
    private const ulong ModeHandler = 0;
    private const ulong ModeDefault = 1;
    private const ulong ModeIgnored = 2;
    private const ulong ModeHandlerOnce = 3;

    public static bool TryRead(int signal, out SignalAction action)
    {
        // SAFETY: both structures are of the size libc expects, which a test compares with its headers.
        fixed (SignalAction* pointer = &action)
        {
            return LibC.SigAction(signal, null, pointer) == 0;
        }
    }

    public static bool TryReplace(int signal, SignalAction previous, nint handler, out SignalAction replaced)
    {
        SignalAction action = previous;
        action.Handler = handler;
        action.Flags = (previous.Flags | LinuxConstants.SA_SIGINFO) & ~LinuxConstants.SA_RESETHAND;

        // SAFETY: as above; the handler is machine code that stays mapped for the life of the process.
        fixed (SignalAction* pointer = &replaced)
        {
            return LibC.SigAction(signal, &action, pointer) == 0;
        }
    }

    public static PreviousHandler Previous(SignalAction previous)
    {
        ulong mode = previous.Handler switch
        {
            LinuxConstants.SIG_DFL => ModeDefault,
            LinuxConstants.SIG_IGN => ModeIgnored,
            _ => (previous.Flags & LinuxConstants.SA_RESETHAND) != 0 ? ModeHandlerOnce : ModeHandler,
        };
        return new PreviousHandler((ulong)previous.Handler, mode);
    }
}
