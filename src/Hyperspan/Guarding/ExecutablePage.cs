using Hyperspan.Interop.Linux;

namespace Hyperspan.Guarding;

/// <summary>Memory with machine code in it, readable and executable, never writable at the same time.</summary>
internal static unsafe class ExecutablePage
{
    private const nuint PageSize = 4096;

    /// <summary>
    /// Places code in memory of its own, which stays mapped for the life of the process. Answers null where the host refuses.
    /// </summary>
    public static byte* TryCreate(ReadOnlySpan<byte> code)
    {
        byte* page = TryProtect(code);
        return page is not null ? page : TryMapTwice(code);
    }

    /// <summary>Anonymous memory that is written, then made executable.</summary>
    internal static byte* TryProtect(ReadOnlySpan<byte> code)
    {
        var length = RoundUp(code.Length);
        byte* page = LibC.Mmap(
            null, length, LinuxConstants.PROT_READ | LinuxConstants.PROT_WRITE, LinuxConstants.MAP_PRIVATE | LinuxConstants.MAP_ANONYMOUS, -1, 0);
        if (page == LibC.MapFailed)
        {
            return null;
        }

        // SAFETY: the mapping is new, writable and at least as long as the code.
        code.CopyTo(new Span<byte>(page, code.Length));
        if (LibC.Mprotect(page, length, LinuxConstants.PROT_READ | LinuxConstants.PROT_EXEC) == 0)
        {
            return page;
        }

        LibC.Munmap(page, length);
        return null;
    }

    /// <summary>
    /// A memory file mapped once to write it and once to run it, for hosts that refuse to make written memory executable.
    /// </summary>
    internal static byte* TryMapTwice(ReadOnlySpan<byte> code)
    {
        var fd = LibC.MemfdCreate("hyperspan-guard", LinuxConstants.MFD_CLOEXEC);
        if (fd < 0)
        {
            return null;
        }

        try
        {
            var length = RoundUp(code.Length);
            if (LibC.Ftruncate(fd, (long)length) != 0)
            {
                return null;
            }

            byte* writable = LibC.Mmap(
                null, length, LinuxConstants.PROT_READ | LinuxConstants.PROT_WRITE, LinuxConstants.MAP_SHARED, fd, 0);
            if (writable == LibC.MapFailed)
            {
                return null;
            }

            // SAFETY: the mapping is new, writable and at least as long as the code; nobody else has the file.
            code.CopyTo(new Span<byte>(writable, code.Length));
            LibC.Munmap(writable, length);
            byte* page = LibC.Mmap(null, length, LinuxConstants.PROT_READ | LinuxConstants.PROT_EXEC, LinuxConstants.MAP_SHARED, fd, 0);
            return page == LibC.MapFailed ? null : page;
        }
        finally
        {
            LibC.Close(fd);
        }
    }

    private static nuint RoundUp(int length) => ((nuint)length + PageSize - 1) & ~(PageSize - 1);
}
