using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Guarding;

/// <summary>The kernel's restartable sequences (rseq), as glibc registers them for every thread it starts.</summary>
internal static unsafe class RestartableSequences
{
    private const int Count = 12;

    // The area has to reach to the end of the descriptor pointer. Without registration glibc states a size of zero.
    private const uint SmallestArea = LinuxConstants.RseqDescriptorOffset + sizeof(ulong);

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

        // SAFETY: glibc declares them "const ptrdiff_t" and "const unsigned int".
        if (*(uint*)size < SmallestArea)
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

    /// <summary>The words of the image that hold addresses: where each sequence starts and where it is aborted to.</summary>
    public static int[] AddressWords()
    {
        var words = new int[2 * Count];
        for (var i = 0; i < Count; i++)
        {
            var descriptor = StubCode.SequencesOffset + (i * LinuxConstants.RseqDescriptorSize);
            words[2 * i] = descriptor + LinuxConstants.RseqStartOffset;
            words[(2 * i) + 1] = descriptor + LinuxConstants.RseqAbortOffset;
        }

        return words;
    }
}
