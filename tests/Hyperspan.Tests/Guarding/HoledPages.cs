using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Guarding;

/// <summary>Accessible pages with one page between them that is not.</summary>
internal sealed unsafe class HoledPages : IDisposable
{
    /// <summary>Accessible pages before the hole, and again after it.</summary>
    public const int Around = 4;

    private const int Total = (2 * Around) + 1;

    private readonly byte* _start;

    public HoledPages(Hole hole)
    {
        if (OperatingSystem.IsWindows())
        {
            Signal = LinuxConstants.SIGSEGV;
            _start = Kernel32.VirtualAlloc(null, Length, AllocationType.Reserve | AllocationType.Commit, PageProtection.ReadWrite);
            Check(_start is not null);
            Check(hole == Hole.TruncatedFile
                ? Kernel32.VirtualFree(Bad, (nuint)PageSize, FreeType.Decommit)
                : Kernel32.VirtualProtect(Bad, (nuint)PageSize, hole == Hole.ReadOnly ? PageProtection.ReadOnly : PageProtection.NoAccess, out _));
            return;
        }

        Signal = hole == Hole.TruncatedFile ? LinuxConstants.SIGBUS : LinuxConstants.SIGSEGV;
        _start = LibC.Mmap(
            null, Length, MappingProtection.ReadWrite, MappingFlags.Private | MappingFlags.Anonymous, -1, 0);
        Check(_start != LibC.MapFailed);
        switch (hole)
        {
            case Hole.Protected:
                Check(LibC.Mprotect(Bad, (nuint)PageSize, MappingProtection.None) == 0);
                break;
            case Hole.ReadOnly:
                Check(LibC.Mprotect(Bad, (nuint)PageSize, MappingProtection.Read) == 0);
                break;
            default:
                int fd = LibC.MemfdCreate("empty", MemoryFileFlags.CloseOnExec);
                using (new SafeFileHandle(fd, ownsHandle: true))
                {
                    Check(fd >= 0);
                    byte* mapped = LibC.Mmap(
                        Bad, (nuint)PageSize, MappingProtection.ReadWrite, MappingFlags.Shared | MappingFlags.Fixed, fd, 0);
                    Check(mapped == Bad);
                }

                break;
        }
    }

    /// <summary>
    /// Why the hole cannot be accessed. "Unmapped" is not among them: in a process with other threads, something else may be
    /// mapped there next.
    /// </summary>
    public enum Hole
    {
        Protected,
        ReadOnly,

        /// <summary>Past the end of a file; on Windows, where a file that is mapped cannot be truncated, a page that was given back.</summary>
        TruncatedFile,
    }

    /// <summary>The system's pages: it knows no others.</summary>
    public static int PageSize => Environment.SystemPageSize;

    private static nuint Length => (nuint)(Total * PageSize);

    /// <summary>What an access to the hole raises.</summary>
    public int Signal { get; }

    /// <summary>The hole; its end is the first byte after it.</summary>
    public byte* Bad => _start + (Around * PageSize);

    public byte* BadEnd => Bad + PageSize;

    public void Dispose()
    {
        if (OperatingSystem.IsWindows())
        {
            Kernel32.VirtualFree(_start, 0, FreeType.Release);
        }
        else
        {
            _ = LibC.Munmap(_start, Length);
        }
    }

    private static void Check(bool condition)
    {
        if (!condition)
        {
            throw new InvalidOperationException("The pages cannot be prepared.");
        }
    }
}
