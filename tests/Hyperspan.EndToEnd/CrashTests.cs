using System.Diagnostics;
using System.Globalization;
using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

public sealed class CrashTests(ITestOutputHelper output) : GuestTest(output)
{
    private const int ImageMiB = 16;

    // What the writers of the guest keep at 8 MiB and write only once.
    private const long StillOffset = 8 * DiskImage.MiB;

    // All three: several requests under way at any moment, finished in any order.
    private static readonly int[] Many = [1, 2, 3];

    // The one with a single request under way.
    private static readonly int[] One = [2];

    [SkippableTheory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public async Task Killed_back_end_loses_nothing_and_does_nothing_twice(int queues, bool packed)
    {
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan,
            folder => DiskImage.CreateEmpty(folder, ImageMiB),
            new DiskBackendOptions { Queues = queues });

        var options = new GuestOptions
        {
            Script = "crash",
            Queues = queues,
            DeviceProperties = packed ? "packed=on" : null,
            Processors = queues,
            Timeout = TimeSpan.FromMinutes(10),
        };
        GuestReport report = await RunAsync(scenario, options, Many, kills: 4, async (guest, kill) =>
        {
            // The first two in full flight, wherever it may be; the others when it has certainly taken requests that it has
            // not finished, and more wait in the ring.
            if (kill >= 2)
            {
                await CatchInTheActAsync(scenario.Backend, guest);
                await WaitForStallAsync(guest);
            }

            await scenario.Backend.KillAsync();
        });

        report.Number("bad").ShouldBe(0, "parts of the disk that do not hold their newest write");
        await ShouldEndWellAsync(scenario, report);
    }

    // The reference keeps no notes of what it has taken (no INFLIGHT_SHMFD), so QEMU can only repeat everything from the newest
    // finished request on. That is right with one request under way, and shows that guest and harness get over a crash.
    [SkippableFact]
    public async Task Killed_reference_serves_on_with_one_request_under_way()
    {
        await using GuestScenario scenario = await StartAsync(
            DiskServer.StorageDaemon,
            folder => DiskImage.CreateEmpty(folder, ImageMiB));

        GuestReport report = await RunAsync(scenario, new GuestOptions { Script = "crash" }, One, kills: 2, async (guest, kill) =>
        {
            if (kill == 1)
            {
                await scenario.Backend.SuspendAsync();
                await WaitForStallAsync(guest);
            }

            await scenario.Backend.KillAsync();
        });

        report.Number("bad").ShouldBe(0);
        await ShouldEndWellAsync(scenario, report);
    }

    // The control: a disk that lost something must be noticed, or the tests above prove nothing.
    [SkippableFact]
    public async Task Lost_write_is_noticed()
    {
        await using GuestScenario scenario = await StartAsync(
            DiskServer.StorageDaemon,
            folder => DiskImage.CreateEmpty(folder, ImageMiB));

        GuestReport report = await RunAsync(scenario, new GuestOptions { Script = "crash" }, One, kills: 1, async (_, _) =>
        {
            await scenario.Backend.KillAsync();
            scenario.Image.Write(StillOffset + 4096, new byte[512]);
        });

        report.Status.ShouldBe(0);
        report.Number("bad").ShouldBe(1);
    }

    private static async Task<GuestReport> RunAsync(
        GuestScenario scenario,
        GuestOptions options,
        int[] writers,
        int kills,
        Func<GuestMachine, int, Task> kill)
    {
        options.Variables["WRITERS"] = string.Join(' ', writers);
        GuestMachine guest = await scenario.BootAsync(options);
        await guest.WaitForMarkAsync(mark => mark == "started", "the writers");

        for (int i = 0; i < kills; i++)
        {
            await WaitForRoundsAsync(guest, writers);
            await kill(guest, i);
            await scenario.Backend.StartAsync();
        }

        await WaitForRoundsAsync(guest, writers);
        await guest.SendAsync("stop");
        return await guest.FinishAsync();
    }

    // Each writer has finished two more rounds; the first of them may have been reported before something happened.
    private static async Task WaitForRoundsAsync(GuestMachine guest, int[] writers)
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

                return Array.TrueForAll(writers, writer => seen[writer] >= 2);
            },
            "two rounds of each writer");
    }

    // Held again and again at moments of its own choice until its notes show requests in the middle.
    private static async Task CatchInTheActAsync(IDiskBackend backend, GuestMachine guest)
    {
        var clock = Stopwatch.StartNew();
        int tries = 0;
        while (clock.Elapsed < TimeSpan.FromMinutes(5))
        {
            tries++;
            await backend.SuspendAsync();
            int taken = InflightRegion.Count(guest.ProcessId)
                ?? throw new EndToEndException($"{backend.Name} does not track requests in flight (INFLIGHT_SHMFD)");
            if (taken > 0)
            {
                guest.Note($"caught with {taken} requests taken, try {tries}");
                return;
            }

            backend.Resume();
            await Task.Delay(Random.Shared.Next(1, 5));
        }

        throw new EndToEndException($"{backend.Name} was never caught with a request in the middle in {tries} tries");
    }

    private static async Task WaitForStallAsync(GuestMachine guest)
    {
        int stalled = 0;
        await guest.WaitForMarkAsync(
            mark =>
            {
                string[] words = mark.Split(' ');
                stalled = words[0] == "inflight" && words[1] != "0" ? stalled + 1 : 0;
                return stalled >= 2;
            },
            "requests in flight");
    }
}
