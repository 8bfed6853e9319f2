using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Doctor;

/// <summary>Tries out what has to do with mapping memory.</summary>
internal static unsafe class MemoryProbes
{
    private const nuint PageSize = 4096;

    internal static Finding Guarded() => !OperatingSystem.IsLinux()
        ? Finding.Missing("only on Linux")
        : HyperspanEnvironment.GetGuardMode() switch
        {
            GuardMode.MachineCode => Finding.Ok(HyperspanEnvironment.GetGuardDescription()),
            GuardMode.Substitute => Finding.Limited(HyperspanEnvironment.GetGuardDescription()),
            _ => Finding.Missing(HyperspanEnvironment.GetGuardDescription()),
        };

    internal static Finding ExecutablePages() => WithPage(static page =>
        LibC.Mprotect((void*)page, PageSize, MappingProtection.ReadExecute) == 0
            ? Finding.Ok("a written page can be made executable")
            : Finding.Missing($"a written page cannot be made executable: {ErrorNumber.LastMessage}"));

    internal static Finding Populate() => WithPage(static page =>
        LibC.Madvise((void*)page, PageSize, MemoryAdvice.PopulateWrite) == 0
            ? Finding.Ok("MADV_POPULATE_WRITE works")
            : Finding.Missing($"MADV_POPULATE_WRITE: {ErrorNumber.LastMessage}"));

    internal static Finding ProcessVectors()
    {
        if (!OperatingSystem.IsLinux())
        {
            return Finding.Missing("only on Linux");
        }

        long from = 42;
        long to = 0;

        IoVector local = new(&to, sizeof(long));
        IoVector remote = new(&from, sizeof(long));

        // SAFETY: all four live on this stack until the call has returned, and the vectors have their lengths.
        nint read = LibC.ProcessVmReadv(Environment.ProcessId, &local, 1, &remote, 1, 0);
        return read == sizeof(long) && to == from
            ? Finding.Ok("works on this process")
            : Finding.Missing(read < 0 ? ErrorNumber.LastMessage : "reads nothing");
    }

    internal static Finding MemoryFiles()
    {
        if (!OperatingSystem.IsLinux())
        {
            return Finding.Missing("only on Linux");
        }

        int descriptor = LibC.MemfdCreate("hyperspan-doctor", MemoryFileFlags.CloseOnExec | MemoryFileFlags.AllowSealing);
        if (descriptor < 0)
        {
            return Finding.Missing($"memfd_create: {ErrorNumber.LastMessage}");
        }

        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        return LibC.Fcntl(file, FileCommand.AddSeals, (nint)FileSeals.Shrink) == 0
            ? Finding.Ok("files in memory can be made and sealed")
            : Finding.Missing($"a memory file cannot be sealed: {ErrorNumber.LastMessage}");
    }

    private static Finding WithPage(Func<nint, Finding> probe)
    {
        if (!OperatingSystem.IsLinux())
        {
            return Finding.Missing("only on Linux");
        }

        byte* page = LibC.Mmap(null, PageSize, MappingProtection.ReadWrite, MappingFlags.Private | MappingFlags.Anonymous, -1, 0);
        if (page == LibC.MapFailed)
        {
            return Finding.Missing($"no page can be mapped: {ErrorNumber.LastMessage}");
        }

        try
        {
            return probe((nint)page);
        }
        finally
        {
            _ = LibC.Munmap(page, PageSize);
        }
    }
}
