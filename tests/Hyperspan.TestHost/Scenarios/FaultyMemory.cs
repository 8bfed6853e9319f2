using Hyperspan.Interop.Linux;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>Two pages, of which the second cannot be accessed: protected, or past the end of its file.</summary>
internal sealed unsafe class FaultyMemory : IDisposable
{
    public const int PageSize = 4096;

    private readonly byte* _pages;

    public FaultyMemory(bool truncatedFile)
    {
        Signal = truncatedFile ? LinuxConstants.SIGBUS : LinuxConstants.SIGSEGV;
        const int ReadWrite = LinuxConstants.PROT_READ | LinuxConstants.PROT_WRITE;
        if (truncatedFile)
        {
            var fd = LibC.MemfdCreate("truncated", LinuxConstants.MFD_CLOEXEC);
            _ = LibC.Ftruncate(fd, PageSize);
            _pages = LibC.Mmap(null, 2 * PageSize, ReadWrite, LinuxConstants.MAP_SHARED, fd, 0);
            _ = LibC.Close(fd);
        }
        else
        {
            _pages = LibC.Mmap(null, 2 * PageSize, ReadWrite, LinuxConstants.MAP_PRIVATE | LinuxConstants.MAP_ANONYMOUS, -1, 0);
            _ = LibC.Mprotect(_pages + PageSize, PageSize, LinuxConstants.PROT_NONE);
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
