using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>
/// A whole arm64 Linux in QEMU, by software emulation: two processors, a kernel, busybox, the libraries that .NET wants, and programs that are run one after the other. What
/// <c>install-front-ends</c> has fetched, and a kernel that <c>build-arm64-64k</c> has made.
/// </summary>
internal static partial class Arm64Machine
{
    internal const string Qemu = "qemu10-system-aarch64";

    private const string Libraries = "usr/lib/aarch64-linux-gnu";

    // What programs take no part in: symbols, documentation, what a debugger loads.
    private static readonly string[] Unneeded = ["*.pdb", "*.xml", "libmscordaccore.so", "libmscordbi.so", "createdump"];

    /// <summary>Why there is no such machine here, or null where there is one.</summary>
    internal static string? Missing => TestBed.OtherQemu(Qemu) is null || !File.Exists(Path.Combine(Tree, "complete")) || !Directory.Exists(Root)
        ? $"{Qemu} is missing: run tests/Hyperspan.EndToEnd/install-front-ends"
        : null;

    /// <summary>
    /// A kernel with pages of 64 KiB, which Debian has not: the image that <c>HYPERSPAN_ARM64_64K_KERNEL</c> names, or what <c>build-arm64-64k</c> has made; null where there is
    /// none.
    /// </summary>
    internal static string? KernelOf64KiB
    {
        get
        {
            string? own = Environment.GetEnvironmentVariable("HYPERSPAN_ARM64_64K_KERNEL");
            string path = string.IsNullOrEmpty(own) ? Path.Combine(TestBed.FrontEnds, "arm64-64k", "linux-image-arm64-64k") : own;
            return File.Exists(path) ? path : null;
        }
    }

    private static string Tree => Path.Combine(TestBed.FrontEnds, "arm64-machine");

    private static string Root => Path.Combine(TestBed.FrontEnds, "arm64", "root");

    /// <summary>The path of a kernel of Debian's.</summary>
    /// <param name="package">The name of its package.</param>
    internal static string Kernel(string package) => Path.Combine(Tree, package);

    /// <summary>Boots a kernel and runs commands in a folder of the host's.</summary>
    /// <param name="kernel">The path of its image.</param>
    /// <param name="tests">The folder; its files lie in <c>/tests</c>, where commands begin.</param>
    /// <param name="programs">What is run: names and commands.</param>
    /// <param name="limit">The time for all of it.</param>
    /// <returns>How each ended, and what it printed.</returns>
    /// <exception cref="EndToEndException">The machine did not get to the end.</exception>
    internal static async Task<IReadOnlyList<Arm64Result>> RunAsync(string kernel, string tests, IReadOnlyList<(string Name, string Command)> programs, TimeSpan limit)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("hyperspan-arm64");
        try
        {
            string initramfs = Path.Combine(folder.FullName, "initramfs"), output = Path.Combine(folder.FullName, "output");
            await File.WriteAllBytesAsync(initramfs, Archive(tests, programs));
            await using LeashedProcess machine = LeashedProcess.Start(
                "qemu-arm64",
                TestBed.OtherQemu(Qemu)!,
                [
                    "-M", "virt,gic-version=max", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2560", "-nodefaults", "-display", "none", "-no-reboot",
                    "-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyAMA0 quiet panic=-1", "-serial", "stdio",
                    "-chardev", $"file,id=output,path={output}", "-device", "virtio-serial-pci", "-device", "virtconsole,chardev=output",
                ]);
            try
            {
                await machine.WaitForExitAsync(limit);
            }
            catch (TimeoutException e)
            {
                throw new EndToEndException($"{e.Message}\n{machine.Log}\n{Text(output)}");
            }

            string text = Text(output);
            return text.Contains("HS:DONE", StringComparison.Ordinal)
                ? [.. ResultPattern().Matches(text).Select(Result)]
                : throw new EndToEndException($"the machine ended with {machine.ExitCode} before its programs had:\n{machine.Log}\n{text}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static Arm64Result Result(Match match) => new(
        match.Groups["name"].Value,
        int.Parse(match.Groups["code"].Value, CultureInfo.InvariantCulture),
        match.Groups["output"].Value,
        double.Parse(match.Groups["now"].Value, CultureInfo.InvariantCulture));

    private static string Text(string path) => File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings("\n") : "";

    private static byte[] Archive(string tests, IReadOnlyList<(string Name, string Command)> programs)
    {
        var archive = new CpioArchive();
        foreach (string folder in (string[])["bin", "dev", "proc", "sys", "tmp", "etc"])
        {
            archive.AddDirectory(folder);
        }

        archive.AddCharacterDevice("dev/console", 5, 1);
        archive.AddLink("lib", "usr/lib");
        archive.AddFile("bin/busybox", File.ReadAllBytes(Path.Combine(Tree, "usr", "bin", "busybox")));
        archive.AddFile("init", Resource("arm64-init"));
        archive.AddFile("programs", string.Concat(programs.Select(program => $"{program.Name} {program.Command}\n")));
        archive.AddFile("usr/lib/ld-linux-aarch64.so.1", File.ReadAllBytes(Path.Combine(Root, Libraries, "ld-linux-aarch64.so.1")));
        foreach (string library in Directory.GetFiles(Path.Combine(Root, Libraries)))
        {
            // Links are followed: each name is a file of its own.
            archive.AddFile($"{Libraries}/{Path.GetFileName(library)}", File.ReadAllBytes(library));
        }

        HashSet<string> unneeded = [.. Unneeded.SelectMany(pattern => Directory.GetFiles(tests, pattern))];
        foreach (string file in Directory.GetFiles(tests).Where(file => !unneeded.Contains(file)))
        {
            archive.AddFile($"tests/{Path.GetFileName(file)}", File.ReadAllBytes(file));
        }

        return archive.ToArray();
    }

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Guest/" + name)
            ?? throw new FileNotFoundException($"no guest script {name}", name);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(
        @"^HS:BEGIN (?<name>\S+)\n(?<output>.*?)^HS:END \k<name> (?<code>\d+) (?<now>[\d.]+)$",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex ResultPattern();
}
