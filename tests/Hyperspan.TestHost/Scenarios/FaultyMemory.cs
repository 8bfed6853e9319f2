using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>Two pages, of which the second cannot be accessed: protected, or past the end of its file.</summary>
internal sealed unsafe class FaultyMemory : IDisposable
{
    public const int PageSize = 4096;

    private readonly byte* _pages;

    public FaultyMemory(bool truncatedFile)
    {
        Signal = truncatedFile ? LinuxConstants.SIGBUS : LinuxConstants.SIGSEGV;
        if (truncatedFile)
        {
            var fd = LibC.MemfdCreate("truncated", MemoryFileFlags.CloseOnExec);
            using var file = new SafeFileHandle(fd, ownsHandle: true);
            _ = LibC.Ftruncate(file, PageSize);
            _pages = LibC.Mmap(null, 2 * PageSize, MappingProtection.ReadWrite, MappingFlags.Shared, fd, 0);
        }
        else
        {
            _pages = LibC.Mmap(null, 2 * PageSize, MappingProtection.ReadWrite, MappingFlags.Private | MappingFlags.Anonymous, -1, 0);
            _ = LibC.Mprotect(_pages + PageSize, PageSize, MappingProtection.None);
        }

        if (_pages == LibC.MapFailed)
        {
            throw new InvalidOperationException("The pages cannot be mapped.");
        }
    }

    /// <summary>What an access to the second page raises.</summary>
    public int Signal { get; }

    public byte* Good => _pages;

    public byte* Bad => _pages + PageSize;

    public void Dispose() => LibC.Munmap(_pages, 2 * PageSize);
}
