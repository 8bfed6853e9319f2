using System.Diagnostics;
using System.Reflection;
using System.Text;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>The guest's file system in memory: busybox, a few real programs with their libraries, the virtio modules, and one script.</summary>
internal static class Initramfs
{
    private static readonly string[] Modules =
        ["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk", "virtio-rng", "virtio_console"];

    // Real programs where busybox has none or a poorer one of the same name; those not installed are left out.
    private static readonly string[] Programs = ["mke2fs", "e2fsck", "blkdiscard", "fallocate", "ioping", "date"];

    private static readonly Lazy<byte[]> Base = new(BuildBase);

    /// <summary>
    /// Writes the archive for one run. What all runs share is built once in a process; the script, the library and the
    /// variables follow as a second archive, which the kernel unpacks over the first.
    /// </summary>
    internal static void Write(string path, string script, IReadOnlyDictionary<string, string> variables)
    {
        var own = new CpioArchive();
        own.AddFile("init", Resource("init"));
        own.AddFile("hs/library.sh", Resource("library.sh"));
        own.AddFile("hs/workers.sh", Resource("workers.sh"));
        own.AddFile("hs/memory.sh", Resource("memory.sh"));
        own.AddFile("hs/script.sh", Resource(script + ".sh"));
        var assignments = new StringBuilder("DISK=/dev/vda\n");
        foreach ((string name, string value) in variables)
        {
            assignments.Append(name).Append("='").Append(value.Replace("'", "'\\''", StringComparison.Ordinal)).Append("'\n");
        }

        own.AddFile("hs/variables.sh", assignments.ToString());

        using FileStream file = File.Create(path);
        file.Write(Base.Value);
        file.Write(own.ToArray());
    }

    private static byte[] BuildBase()
    {
        var archive = new CpioArchive();
        string[] folders = ["bin", "sbin", "dev", "proc", "sys", "tmp", "mnt", "etc", "modules", "hs"];
        foreach (string folder in folders)
        {
            archive.AddDirectory(folder);
        }

        archive.AddCharacterDevice("dev/console", 5, 1);
        archive.AddFile("hs/modules", string.Join('\n', Modules) + "\n");
        foreach (string module in Modules)
        {
            archive.AddFile($"modules/{module}.ko", File.ReadAllBytes(TestBed.Module(module)));
        }

        foreach (string name in Programs)
        {
            if (TestBed.Program(name) is { } program)
            {
                AddProgram(archive, "sbin/" + name, program);
            }
        }

        archive.AddLink("sbin/mkfs.ext4", "mke2fs");
        archive.AddFile("etc/mke2fs.conf", File.Exists("/etc/mke2fs.conf") ? File.ReadAllText("/etc/mke2fs.conf") : string.Empty);

        // Busybox's shell prefers its own programs whatever the path says: scripts write /sbin/ before the real ones.
        string busybox = TestBed.Program("busybox")!;
        AddProgram(archive, "bin/busybox", busybox);
        foreach (string applet in Run(busybox, "--list").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            archive.AddLink("bin/" + applet, "busybox");
        }

        return archive.ToArray();
    }

    private static void AddProgram(CpioArchive archive, string path, string source)
    {
        archive.AddFile(path, File.ReadAllBytes(source));

        // One library a line, "name => /path (address)" or "/path (address)"; for a static program ldd says that it is one.
        foreach (string line in Run("ldd", source).Split('\n'))
        {
            string? library = line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .FirstOrDefault(word => word.StartsWith('/') && File.Exists(word));
            if (library is not null)
            {
                archive.AddFile(library, File.ReadAllBytes(library));
            }
        }
    }

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Guest/" + name)
            ?? throw new FileNotFoundException($"no guest script {name}", name);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string Run(string program, string argument)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, [argument])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }
}
