using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Guarding;

/// <summary>The kernel's restartable sequences (rseq), as glibc registers them for every thread it starts.</summary>
internal static unsafe class RestartableSequences
{
    /// <summary>Finds the distance of a thread's area from its thread pointer. Answers what stands against using it, or null.</summary>
    public static string? TryPrepare(out long area)
    {
        area = 0;
        if (!NativeLibrary.TryLoad("libc.so.6", out var libc) ||
            !NativeLibrary.TryGetExport(libc, "__rseq_offset", out var offset) ||
            !NativeLibrary.TryGetExport(libc, "__rseq_size", out var size))
        {
            return "libc is not glibc 2.35 or later";
        }

        // SAFETY: glibc declares them "const ptrdiff_t" and "const unsigned int". Without registration it states a size of zero.
        if (*(uint*)size < StubCode.RestartableAreaLength)
        {
            return "glibc has not registered any";
        }

        // Negative where there is no such call at all.
        var commands = LibC.Membarrier(LinuxConstants.MEMBARRIER_CMD_QUERY);
        if (commands < 0 || (commands & LinuxConstants.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ) == 0)
        {
            return "membarrier knows nothing of them";
        }

        area = *(nint*)offset;
        return null;
    }
}
