using Hyperspan.Tool.Interop;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Doctor;

/// <summary>Tries out what has to do with mapping memory.</summary>
internal static unsafe class MemoryProbes
{
    private const nuint PageSize = 4096;

    internal static Finding Guarded() => !OperatingSystem.IsLinux()
        ? Finding.Missing("only on Linux")
        : HyperspanEnvironment.GuardMode switch
        {
            GuardMode.MachineCode => Finding.Ok(HyperspanEnvironment.GuardDescription),
            GuardMode.Substitute => Finding.Limited(HyperspanEnvironment.GuardDescription),
            _ => Finding.Missing(HyperspanEnvironment.GuardDescription),
        };

    internal static Finding ExecutablePages() => WithPage(static page =>
        LibC.Protect(page, PageSize, LibC.ReadProtection | LibC.ExecuteProtection) == 0
            ? Finding.Ok("a written page can be made executable")
            : Finding.Missing($"a written page cannot be made executable: {LibC.LastError()}"));

    internal static Finding Populate() => WithPage(static page =>
        LibC.Advise(page, PageSize, LibC.PopulateWrite) == 0
            ? Finding.Ok("MADV_POPULATE_WRITE works")
            : Finding.Missing($"MADV_POPULATE_WRITE: {LibC.LastError()}"));

    internal static Finding ProcessVectors()
    {
        if (!OperatingSystem.IsLinux())
        {
            return Finding.Missing("only on Linux");
        }

        long from = 42;
        long to = 0;

        // SAFETY: all four live on this stack until the call has returned, and the vectors have their lengths.
        nint* local = stackalloc nint[] { (nint)(&to), sizeof(long) };
        nint* remote = stackalloc nint[] { (nint)(&from), sizeof(long) };
        nint read = LibC.ReadProcess(Environment.ProcessId, local, 1, remote, 1, 0);
        return read == sizeof(long) && to == from
            ? Finding.Ok("works on this process")
            : Finding.Missing(read < 0 ? LibC.LastError() : "reads nothing");
    }

    internal static Finding MemoryFiles()
    {
        if (!OperatingSystem.IsLinux())
        {
            return Finding.Missing("only on Linux");
        }

        int descriptor = LibC.CreateMemoryFile("hyperspan-doctor", LibC.CloseOnExec | LibC.AllowSealing);
        if (descriptor < 0)
        {
            return Finding.Missing($"memfd_create: {LibC.LastError()}");
        }

        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        return LibC.Control(file, LibC.AddSeals, LibC.SealShrink) == 0
            ? Finding.Ok("files in memory can be made and sealed")
            : Finding.Missing($"a memory file cannot be sealed: {LibC.LastError()}");
    }

    private static Finding WithPage(Func<nint, Finding> probe)
    {
        if (!OperatingSystem.IsLinux())
        {
            return Finding.Missing("only on Linux");
        }

        nint page = LibC.Map(0, PageSize, LibC.ReadProtection | LibC.WriteProtection, LibC.PrivateAnonymous, -1, 0);
        if (page == -1)
        {
            return Finding.Missing($"no page can be mapped: {LibC.LastError()}");
        }

        try
        {
            return probe(page);
        }
        finally
        {
            LibC.Unmap(page, PageSize);
        }
    }
}
