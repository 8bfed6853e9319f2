using System.Globalization;
using System.Text.Json.Nodes;
using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

public sealed class HotplugTests(ITestOutputHelper output) : GuestTest(output)
{
    private const int AddedMiB = 256;
    private const int ImageMiB = 20;

    [SkippableTheory]
    [MemberData(nameof(Servers.Both), MemberType = typeof(Servers))]
    public async Task Memory_added_under_load_is_used_for_requests(DiskServer server) => await RunAsync(server, protocolFeatures: null);

    // Without memory slots in the protocol the front end sends the whole table again while the rings run.
    [SkippableFact]
    public async Task Memory_added_by_a_new_table() => await RunAsync(DiskServer.Hyperspan, protocolFeatures: 0x200);

    private async Task RunAsync(DiskServer server, ulong? protocolFeatures)
    {
        await using GuestScenario scenario = await StartAsync(
            server,
            folder => DiskImage.CreateRandom(folder, ImageMiB, seed: 31),
            new DiskBackendOptions { ProtocolFeatures = protocolFeatures });
        string tail = scenario.Image.Sha256(16 * DiskImage.MiB);

        GuestMachine guest = await scenario.BootAsync(new GuestOptions
        {
            Script = "hotplug",
            MemorySlots = true,
            Variables = { ["WRITERS"] = "1 2 3", ["ADDED_KIB"] = (AddedMiB * 1024).ToString(CultureInfo.InvariantCulture) },
        });
        await guest.WaitForMarkAsync(mark => mark.StartsWith("writer 3", StringComparison.Ordinal), "a round of a writer");

        QmpClient monitor = await guest.MonitorAsync();
        await monitor.ExecuteAsync("object-add", new JsonObject
        {
            ["qom-type"] = "memory-backend-memfd",
            ["id"] = "memory1",
            ["size"] = (long)AddedMiB * DiskImage.MiB,
            ["share"] = true,
        });
        await monitor.ExecuteAsync("device_add", new JsonObject
        {
            ["driver"] = "pc-dimm",
            ["id"] = "dimm1",
            ["memdev"] = "memory1",
        });
        await guest.SendAsync("added");
        await guest.WaitForMarkAsync(mark => mark == "used", "requests in the new memory");
        await guest.SendAsync("stop");
        GuestReport report = await guest.FinishAsync();

        report.Number("added_kib").ShouldBe(AddedMiB * 1024);
        report.Number("normal_pages_before").ShouldBe(0);
        report.Number("pages_used").ShouldBeGreaterThan(ImageMiB * 128, "less than half of the disk's pages are in the new memory");
        report["tail"].ShouldBe(tail);
        report["tail_cached"].ShouldBe(tail);
        report.Number("bad").ShouldBe(0);
        await ShouldEndWellAsync(scenario, report);
    }
}
