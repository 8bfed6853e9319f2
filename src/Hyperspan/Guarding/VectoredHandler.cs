using Hyperspan.Interop.Windows;

namespace Hyperspan.Guarding;

/// <summary>
/// The guard of Windows: machine code, and a vectored exception handler that is machine code too and asked before all that were there. It answers that others may go on
/// looking (<c>EXCEPTION_CONTINUE_SEARCH</c>) for everything but a fault of a stub.
/// </summary>
internal static unsafe class VectoredHandler
{
    private const uint First = 1;

    /// <summary>Puts both in place, for the life of the process. Answers what stands against it, or null.</summary>
    public static string? TryInstall(out byte* code)
    {
        code = null;
        byte* page = ExecutablePage.TryCreate(StubCode.CompleteForWindows());
        if (page is null)
        {
            return "executable pages are refused";
        }

        if (!ContinuationTargets.TryAllow(
            [(nint)(page + WindowsX64StubCode.RecoverOffset), (nint)(page + WindowsX64StubCode.RecoverAvxOffset), (nint)(page + WindowsX64StubCode.RecoverRepeatOffset)]))
        {
            return "the process has shadow stacks, and does not let an exception handler continue in code of ours (CETCompat=false in the program's project)";
        }

        // SAFETY: the handler is machine code that stays where it is; it is a function of this signature.
        if (Kernel32.AddVectoredExceptionHandler(First, page + WindowsX64StubCode.HandlerOffset) == 0)
        {
            return "exception handlers are refused";
        }

        code = page;
        return null;
    }
}
