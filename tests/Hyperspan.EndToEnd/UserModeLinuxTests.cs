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
        await using LeashedProcess kernel = UserModeLinux.Start(uml, scenario.Folder, "uml-init", "virtio_blk", scenario.Backend.SocketPath, BlockDevice);
        await UserModeLinux.WaitForHaltAsync(kernel);

        Said("sha256").ShouldBe(before);
        Said("again").ShouldBe(Said("written"));
        scenario.Image.Sha256(2 * DiskImage.MiB, 4 * DiskImage.MiB).ShouldBe(Said("written"));
        Said("flushes").ShouldBe("11");
        flushes.Count().ShouldBe(11, "flushes that reached the image");
        (await scenario.Backend.StopAsync()).ShouldBe(0);

        string Said(string name) => UserModeLinux.Said(kernel, name);
    }
}
