using System.Reflection;

using Hyperspan.EndToEnd.Harness;

using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>A front end that is a kernel itself: its table of one region has 72 bytes, its events are sockets.</summary>
public sealed class UserModeLinuxTests(ITestOutputHelper output) : GuestTest(output)
{
    private const int BlockDevice = 2;

    [SkippableFact]
    public async Task User_mode_Linux_boots_reads_and_writes()
    {
        string? uml = TestBed.UserModeLinux;
        Skip.If(uml is null, "user-mode Linux is missing: run tests/Hyperspan.EndToEnd/install");
        using var flushes = new FlushTrace();
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 8, seed: 25), new DiskBackendOptions { FlushTrace = flushes.Path });
        string before = scenario.Image.Sha256();
        string initramfs = Path.Combine(scenario.Folder, "initramfs");
        WriteInitramfs(initramfs, uml);

        await using var kernel = LeashedProcess.Start(
            "user-mode Linux",
            "env",
            [
                "TMPDIR=/dev/shm", Path.Combine(uml, "usr/bin/linux.uml"), "mem=128M", "initrd=" + initramfs, "rdinit=/init", "uml_dir=" + scenario.Folder,
                $"virtio_uml.device={scenario.Backend.SocketPath}:{BlockDevice}", "con=null", "con0=null,fd:1", "console=tty0", "panic=1",
            ]);
        (await kernel.WaitForExitAsync(TimeSpan.FromSeconds(60))).ShouldBe(0, kernel.Log);

        Said("sha256").ShouldBe(before);
        Said("again").ShouldBe(Said("written"));
        scenario.Image.Sha256(2 * DiskImage.MiB, 4 * DiskImage.MiB).ShouldBe(Said("written"));
        Said("flushes").ShouldBe("11");
        flushes.Count().ShouldBe(11, "flushes that reached the image");
        (await scenario.Backend.StopAsync()).ShouldBe(0);

        string Said(string name) => kernel.Log.Split('\n').Select(line => line.Trim()).Where(line => line.Contains($"HS:{name}=", StringComparison.Ordinal))
            .Select(line => line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..]).FirstOrDefault() ?? throw new EndToEndException($"no {name}:\n{kernel.Log}");
    }

    private static void WriteInitramfs(string path, string uml)
    {
        var archive = new CpioArchive();
        archive.AddDirectory("bin");
        archive.AddDirectory("dev");
        archive.AddCharacterDevice("dev/console", 5, 1);
        archive.AddFile("bin/busybox", File.ReadAllBytes(TestBed.Program("busybox")!));
        archive.AddFile("virtio_blk.ko", File.ReadAllBytes(Directory.EnumerateFiles(uml, "virtio_blk.ko", SearchOption.AllDirectories).Single()));
        using Stream script = Assembly.GetExecutingAssembly().GetManifestResourceStream("Guest/uml-init")!;
        using var reader = new StreamReader(script);
        archive.AddFile("init", reader.ReadToEnd());
        File.WriteAllBytes(path, archive.ToArray());
    }
}
