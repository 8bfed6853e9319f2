using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

public sealed class ReadTests(ITestOutputHelper output) : GuestTest(output)
{
    [SkippableTheory]
    [MemberData(nameof(Servers.Both), MemberType = typeof(Servers))]
    public async Task Guest_reads_the_whole_disk(DiskServer server)
    {
        await using GuestScenario scenario = await StartAsync(server, folder => DiskImage.CreateRandom(folder, 32, seed: 1));

        GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "read" });

        report["sha256"].ShouldBe(scenario.Image.Sha256());
        report.Number("sectors").ShouldBe(32 * 2048);
        report.Number("read_only").ShouldBe(0);
        await ShouldEndWellAsync(scenario, report);
    }

    [SkippableFact]
    public async Task Disk_has_the_serial_number_it_was_given()
    {
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan,
            folder => DiskImage.CreateRandom(folder, 4, seed: 2),
            new DiskBackendOptions { Id = "end-to-end-disk-0001" });

        GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "read" });

        report["serial"].ShouldBe("end-to-end-disk-0001");
        await ShouldEndWellAsync(scenario, report);
        File.Exists(scenario.Backend.SocketPath).ShouldBeFalse("the socket is left behind");
    }

    [SkippableTheory]
    [MemberData(nameof(Servers.Ours), MemberType = typeof(Servers))]
    public async Task Read_only_disk_is_read_and_never_written(DiskServer server)
    {
        await using GuestScenario scenario = await StartAsync(
            server,
            folder => DiskImage.CreateRandom(folder, 16, seed: 3),
            new DiskBackendOptions { ReadOnly = true });
        string before = scenario.Image.Sha256();

        GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "read-only" });

        report.Status.ShouldBe(0);
        report.Number("read_only").ShouldBe(1);
        report["sha256"].ShouldBe(before);
        report.Number("writes").ShouldBe(0);
        scenario.Image.Sha256().ShouldBe(before);
        (await scenario.Backend.StopAsync()).ShouldBe(0);
    }

    [SkippableTheory]
    [MemberData(nameof(Servers.Ours), MemberType = typeof(Servers))]
    public async Task Second_guest_finds_the_device_serving(DiskServer server)
    {
        await using GuestScenario scenario = await StartAsync(server, folder => DiskImage.CreateRandom(folder, 8, seed: 4));
        string expected = scenario.Image.Sha256();

        for (int i = 0; i < 2; i++)
        {
            GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "read" });
            report["sha256"].ShouldBe(expected);
            report.KernelErrors.ShouldBe(0);
        }

        (await scenario.Backend.StopAsync()).ShouldBe(0);
    }
}
