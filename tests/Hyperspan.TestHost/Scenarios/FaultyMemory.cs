using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>Two pages, of which the second cannot be accessed: protected, or past the end of its file; on Windows it is given back instead.</summary>
internal sealed unsafe class FaultyMemory : IDisposable
{
    private readonly byte* _pages;

    public FaultyMemory(bool truncatedFile)
    {
        if (OperatingSystem.IsWindows())
        {
            Signal = LinuxConstants.SIGSEGV;
            _pages = Kernel32.VirtualAlloc(null, (nuint)(2 * PageSize), AllocationType.Reserve | AllocationType.Commit, PageProtection.ReadWrite);
            if (_pages is null || !(truncatedFile
                ? Kernel32.VirtualFree(Bad, (nuint)PageSize, FreeType.Decommit)
                : Kernel32.VirtualProtect(Bad, (nuint)PageSize, PageProtection.NoAccess, out _)))
            {
                throw new InvalidOperationException("The pages cannot be made.");
            }

            return;
        }

        Signal = truncatedFile ? LinuxConstants.SIGBUS : LinuxConstants.SIGSEGV;
        if (truncatedFile)
        {
            var fd = LibC.MemfdCreate("truncated", MemoryFileFlags.CloseOnExec);
            using var file = new SafeFileHandle(fd, ownsHandle: true);
            _ = LibC.Ftruncate(file, PageSize);
            _pages = LibC.Mmap(null, (nuint)(2 * PageSize), MappingProtection.ReadWrite, MappingFlags.Shared, fd, 0);
        }
        else
        {
            _pages = LibC.Mmap(null, (nuint)(2 * PageSize), MappingProtection.ReadWrite, MappingFlags.Private | MappingFlags.Anonymous, -1, 0);
            _ = LibC.Mprotect(_pages + PageSize, (nuint)PageSize, MappingProtection.None);
        }

        if (_pages == LibC.MapFailed)
        {
            throw new InvalidOperationException("The pages cannot be mapped.");
        }
    }

    /// <summary>The pages are the system's: what protects and truncates knows no others.</summary>
    public static int PageSize => Environment.SystemPageSize;

    /// <summary>What an access to the second page raises.</summary>
    public int Signal { get; }

    public byte* Good => _pages;

    public byte* Bad => _pages + PageSize;

    public void Dispose()
    {
        if (OperatingSystem.IsWindows())
        {
            Kernel32.VirtualFree(_pages, 0, FreeType.Release);
        }
        else
        {
            _ = LibC.Munmap(_pages, (nuint)(2 * PageSize));
        }
    }
}
