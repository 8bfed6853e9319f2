using System.Globalization;
using System.Text.Json.Nodes;

using Hyperspan.EndToEnd.Harness;

using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>Each thing that docs/vhost-user.md says of a QEMU, in one boot of it.</summary>
public sealed class MatrixTests(ITestOutputHelper output) : GuestTest(output)
{
    private const int AddedMiB = 256;
    private const int ImageMiB = 20;

    // virtio 1.2, section 6; the guest's list of features has one digit for each bit.
    private const int PackedRing = 34;

    /// <summary>QEMU 10 gives rings larger than it asked a record for; QEMU 5.2 never enables its rings.</summary>
    [SkippableTheory]
    [InlineData("qemu-system-x86_64", false)]
    [InlineData("qemu10-system-x86_64", false)]
    [InlineData("qemu52-system-x86_64", false)]
    [InlineData("qemu-system-x86_64", true)]
    [InlineData("qemu10-system-x86_64", true)]
    [InlineData("qemu52-system-x86_64", true)]
    public async Task QEMU_does_everything(string name, bool packed)
    {
        string? qemu = TestBed.OtherQemu(name);
        Skip.If(qemu is null, $"{name} is missing: run tests/Hyperspan.EndToEnd/install");
        using var flushes = new FlushTrace();
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, ImageMiB, seed: 24), new DiskBackendOptions { FlushTrace = flushes.Path });
        string before = scenario.Image.Sha256();
        GuestMachine guest = await scenario.BootAsync(new GuestOptions
        {
            Script = "matrix",
            Qemu = qemu,
            MemorySlots = true,
            DeviceProperties = packed ? "packed=on" : null,
            Variables = { ["WRITERS"] = "1 2 3", ["ADDED_KIB"] = (AddedMiB * 1024).ToString(CultureInfo.InvariantCulture) },
            Timeout = TimeSpan.FromMinutes(10),
        });
        await guest.WaitForMarkAsync(mark => mark == "flushing", "its flushes");
        int counted = flushes.Count();
        await guest.SendAsync("go");
        await guest.WaitForMarkAsync(mark => mark == "flushed", "the end of its flushes");
        counted = flushes.Count() - counted;
        await guest.SendAsync("go");

        QmpClient monitor = await guest.MonitorAsync();
        await guest.WaitForMarkAsync(mark => mark == "unplug", "the disk after the reset");
        await monitor.ExecuteAsync("device_del", new JsonObject { ["id"] = "disk0" });
        await guest.WaitForMarkAsync(mark => mark == "unplugged", "the disk's end");
        await PlugAsync(monitor, scenario.Backend.SocketPath, packed);

        await guest.WaitForMarkAsync(mark => mark == "memory", "the disk that was plugged in");
        await AddMemoryAsync(monitor);
        await guest.SendAsync("added");

        await WaitForRoundsAsync(guest);
        await scenario.Backend.KillAsync();
        await scenario.Backend.StartAsync();
        await WaitForRoundsAsync(guest);
        await guest.SendAsync("stop");
        GuestReport report = await guest.FinishAsync();

        report["features"][PackedRing].ShouldBe(packed ? '1' : '0');
        report["sha256"].ShouldBe(before);
        report["again"].ShouldBe(report["written"]);
        report.Number("flushes").ShouldBe(10);
        counted.ShouldBe(10, "flushes that reached the image");
        report.Number("disk_during_reset").ShouldBe(0);
        report["after_reset"].ShouldBe(report["written"]);
        report.Number("disk_after_unplug").ShouldBe(0);
        report["after_plug"].ShouldBe(report["written"]);
        report.Number("added_kib").ShouldBe(AddedMiB * 1024);
        report.Number("pages_used").ShouldBeGreaterThan(ImageMiB * 128, "less than half of the disk's pages are in the new memory");
        report["after_memory"].ShouldBe(report["written"]);
        report["after_reconnect"].ShouldBe(report["written"]);
        report.Number("bad").ShouldBe(0, "parts of the disk that do not hold their newest write");
        scenario.Image.Sha256(10 * DiskImage.MiB, 4 * DiskImage.MiB).ShouldBe(report["written"]);
        await ShouldEndWellAsync(scenario, report);
    }

    private static async Task PlugAsync(QmpClient monitor, string socket, bool packed)
    {
        // Busy until the guest has let the device go.
        await monitor.RetryAsync("chardev-remove", new JsonObject { ["id"] = "disk" });
        await monitor.ExecuteAsync("chardev-add", new JsonObject
        {
            ["id"] = "disk1",
            ["backend"] = new JsonObject
            {
                ["type"] = "socket",
                ["data"] = new JsonObject
                {
                    ["addr"] = new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = socket } },
                    ["server"] = false,
                    ["reconnect"] = 1,
                },
            },
        });
        await monitor.ExecuteAsync(
            "device_add",
            new JsonObject { ["driver"] = "vhost-user-blk-pci", ["id"] = "disk1", ["chardev"] = "disk1", ["num-queues"] = 1, ["packed"] = packed });
    }

    private static async Task AddMemoryAsync(QmpClient monitor)
    {
        await monitor.ExecuteAsync("object-add", new JsonObject
        {
            ["qom-type"] = "memory-backend-memfd",
            ["id"] = "memory1",
            ["size"] = (long)AddedMiB * DiskImage.MiB,
            ["share"] = true,
        });
        await monitor.ExecuteAsync("device_add", new JsonObject { ["driver"] = "pc-dimm", ["id"] = "dimm1", ["memdev"] = "memory1" });
    }

    private static async Task WaitForRoundsAsync(GuestMachine guest)
    {
        int[] seen = new int[4];
        await guest.WaitForMarkAsync(
            mark =>
            {
                string[] words = mark.Split(' ');
                if (words[0] == "writer")
                {
                    seen[int.Parse(words[1], CultureInfo.InvariantCulture)]++;
                }

                return seen[1] >= 2 && seen[2] >= 2 && seen[3] >= 2;
            },
            "two rounds of each writer");
    }
}
