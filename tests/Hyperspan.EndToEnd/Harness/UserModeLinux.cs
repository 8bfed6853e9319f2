using System.Reflection;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>A kernel that is a process, and a vhost-user front end of its own.</summary>
internal static class UserModeLinux
{
    /// <summary>Starts it.</summary>
    /// <param name="uml">Where it was unpacked.</param>
    /// <param name="folder">Where its files go.</param>
    /// <param name="script">The first process, among the embedded files <c>Guest/*</c>.</param>
    /// <param name="module">The driver of the device.</param>
    /// <param name="socket">The device's socket.</param>
    /// <param name="deviceId">The device's type.</param>
    internal static LeashedProcess Start(string uml, string folder, string script, string module, string socket, int deviceId)
    {
        string initramfs = Path.Combine(folder, "initramfs");
        WriteInitramfs(initramfs, uml, script, module + ".ko");
        return LeashedProcess.Start(
            "user-mode Linux",
            "env",
            [
                "TMPDIR=/dev/shm", Path.Combine(uml, "usr/bin/linux.uml"), "mem=128M", "initrd=" + initramfs, "rdinit=/init", "uml_dir=" + folder,
                $"virtio_uml.device={socket}:{deviceId}", "con=null", "con0=null,fd:1", "console=tty0", "panic=1",
            ]);
    }

    /// <summary>Waits until it has turned itself off.</summary>
    /// <remarks>
    /// Its exit code does not decide: after its last word it takes its own handlers of signals away, and where one of its timers or events
    /// comes later than that, it is the signal that ends it. All of it has been done by then.
    /// </remarks>
    internal static async Task WaitForHaltAsync(LeashedProcess kernel)
    {
        int exitCode = await kernel.WaitForExitAsync(TimeSpan.FromMinutes(10));
        if (!kernel.Log.Contains("reboot: System halted", StringComparison.Ordinal))
        {
            throw new EndToEndException($"exit code {exitCode} before it was halted:\n{kernel.Log}");
        }
    }

    /// <summary>What a script has said by <c>HS:name=value</c>.</summary>
    internal static string Said(LeashedProcess kernel, string name) => kernel.Log.Split('\n').Select(line => line.Trim())
        .Where(line => line.Contains($"HS:{name}=", StringComparison.Ordinal))
        .Select(line => line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..]).FirstOrDefault() ?? throw new EndToEndException($"no {name}:\n{kernel.Log}");

    private static void WriteInitramfs(string path, string uml, string script, string module)
    {
        var archive = new CpioArchive();
        archive.AddDirectory("bin");
        archive.AddDirectory("dev");
        archive.AddCharacterDevice("dev/console", 5, 1);
        archive.AddFile("bin/busybox", File.ReadAllBytes(TestBed.Program("busybox")!));
        archive.AddFile(module, File.ReadAllBytes(Directory.EnumerateFiles(uml, module, SearchOption.AllDirectories).Single()));
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Guest/" + script)!;
        using var reader = new StreamReader(stream);
        archive.AddFile("init", reader.ReadToEnd());
        File.WriteAllBytes(path, archive.ToArray());
    }
}
