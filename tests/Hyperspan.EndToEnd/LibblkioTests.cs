using Hyperspan.EndToEnd.Harness;

using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>A front end that is a library: libblkio, by which QEMU's own tools use a disk without a machine.</summary>
public sealed class LibblkioTests(ITestOutputHelper output) : GuestTest(output)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    [SkippableFact]
    public async Task Libblkio_writes_verifies_and_flushes_out_of_memory_that_it_adds()
    {
        string? tool = TestBed.OtherQemu("qemu10-io");
        Skip.If(tool is null, "libblkio is missing: run tests/Hyperspan.EndToEnd/install");
        using var flushes = new FlushTrace();
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 8, seed: 26), new DiskBackendOptions { FlushTrace = flushes.Path });
        byte[] rest = scenario.Image.Read(4 * DiskImage.MiB, 4 * DiskImage.MiB);
        string disk = $"driver=virtio-blk-vhost-user,path={scenario.Backend.SocketPath},cache.direct=on";

        // What it wrote it reads back and compares; a difference is its failure.
        await RunAsync(
            tool, "--image-opts", disk, "-c", "write -P 0x5a 1M 1M", "-c", "flush", "-c", "read -P 0x5a 1M 1M", "-c", "write -P 0xa5 1536k 512k",
            "-c", "flush", "-c", "read -P 0x5a 1M 512k", "-c", "read -P 0xa5 1536k 512k");
        int counted = flushes.Count();
        counted.ShouldBeGreaterThanOrEqualTo(2);
        await RunAsync(TestBed.OtherQemu("qemu10-img")!, "bench", "--image-opts", "-c", "1000", "-d", "4", "-s", "4096", "-w", "--pattern=17", "--flush-interval=100", disk);
        (flushes.Count() - counted).ShouldBeInRange(10, 11, "a flush after each hundred writes, and one in the end");

        scenario.Backend.Log.ShouldContain("memory: 2 regions");
        byte[] written = scenario.Image.Read(0, 1000 * 4096);
        written.ShouldAllBe(value => value == 17);
        scenario.Image.Read(4 * DiskImage.MiB, 4 * DiskImage.MiB).AsSpan().SequenceEqual(rest).ShouldBeTrue("what was not written is as it was");
        (await scenario.Backend.StopAsync()).ShouldBe(0);
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        await using var process = LeashedProcess.Start(System.IO.Path.GetFileName(program), program, arguments);
        (await process.WaitForExitAsync(Timeout)).ShouldBe(0, process.Log);
        process.Log.ShouldNotContain("verification failed");
    }
}
