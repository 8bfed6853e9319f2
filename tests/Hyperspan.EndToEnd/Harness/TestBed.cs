namespace Hyperspan.EndToEnd.Harness;

/// <summary>Where this machine keeps QEMU, the guest's kernel and the programs of the guest; see the script <c>install</c>.</summary>
internal static class TestBed
{
    private static readonly Lazy<string?> Reason = new(FindMissing);

    /// <summary>Why no guest can be booted here, or null when one can.</summary>
    internal static string? Missing => Reason.Value;

    /// <summary>Whether a missing piece is a failure (a fresh machine of the CI installs everything) and not a reason to skip.</summary>
    internal static bool Required => Environment.GetEnvironmentVariable("HYPERSPAN_E2E_REQUIRED") is "1" or "true";

    internal static string Cache
    {
        get
        {
            string? own = Environment.GetEnvironmentVariable("HYPERSPAN_E2E_CACHE");
            if (!string.IsNullOrEmpty(own))
            {
                return own;
            }

            string? shared = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            string root = string.IsNullOrEmpty(shared)
                ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache")
                : shared;
            return Path.Combine(root, "hyperspan-e2e");
        }
    }

    internal static string Kernel => Directory.GetFiles(Path.Combine(Cache, "kernel", "boot"), "vmlinuz-*").Single();

    internal static string Qemu => Program("qemu-system-x86_64") ?? throw Absent("qemu-system-x86_64");

    internal static string StorageDaemon => Program("qemu-storage-daemon") ?? throw Absent("qemu-storage-daemon");

    /// <summary>The path of a program, or null when it is not installed; system programs are found for ordinary users too.</summary>
    internal static string? Program(string name)
    {
        string path = Environment.GetEnvironmentVariable("PATH") ?? string.Empty;
        return (path + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
    }

    /// <summary>
    /// The path of a QEMU of another version, from the folder that <c>HYPERSPAN_E2E_QEMUS</c> names, as <c>install-front-ends</c> has fetched it, or among the system's
    /// programs; null when it is not there.
    /// </summary>
    internal static string? OtherQemu(string name)
    {
        string? own = Environment.GetEnvironmentVariable("HYPERSPAN_E2E_QEMUS");
        string path = Path.Combine(string.IsNullOrEmpty(own) ? Path.Combine(FrontEnds, "bin") : own, name);
        return File.Exists(path) ? path : Program(name);
    }

    /// <summary>What runs programs for Windows, or null where it is not there. Debian keeps it beside its server.</summary>
    internal static string? Wine => ((string[])["/usr/lib/wine/wine64", "/usr/lib64/wine/wine64"]).FirstOrDefault(File.Exists);

    /// <summary>The folder of user-mode Linux, or null where it is not there.</summary>
    internal static string? UserModeLinux
    {
        get
        {
            string folder = Path.Combine(FrontEnds, "uml");
            return File.Exists(Path.Combine(folder, "complete")) ? folder : null;
        }
    }

    internal static string FrontEnds => Path.Combine(Cache, "front-ends");

    /// <summary>The path of a kernel module by its name, for instance <c>virtio_blk</c>.</summary>
    internal static string Module(string name) =>
        Directory.EnumerateFiles(Path.Combine(Cache, "kernel", "lib", "modules"), name + ".ko", SearchOption.AllDirectories)
            .FirstOrDefault() ?? throw Absent(name + ".ko");

    private static FileNotFoundException Absent(string name) =>
        new($"{name} is missing: run tests/Hyperspan.EndToEnd/install", name);

    private static string? FindMissing()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "the guest's memory is shared by memfd and Unix sockets: Linux alone";
        }

        string[] programs = ["qemu-system-x86_64", "qemu-storage-daemon", "busybox", "mke2fs", "e2fsck", "blkdiscard", "fallocate"];
        foreach (string program in programs)
        {
            if (Program(program) is null)
            {
                return Absent(program).Message;
            }
        }

        return File.Exists(Path.Combine(Cache, "kernel", "complete")) ? null : Absent("the guest's kernel").Message;
    }
}
