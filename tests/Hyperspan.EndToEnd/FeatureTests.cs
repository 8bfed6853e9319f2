using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

public sealed class FeatureTests(ITestOutputHelper output) : GuestTest(output)
{
    // virtio 1.2, sections 5.2.3 and 6; the guest's list of features has one digit for each bit.
    private const int Flush = 9;
    private const int Discard = 13;
    private const int WriteZeroes = 14;
    private const int IndirectDescriptors = 28;
    private const int EventIndex = 29;
    private const int Version1 = 32;
    private const int RingReset = 40;

    private const ulong SmallestFeatures = 0x1_4000_0000; // VERSION_1, PROTOCOL_FEATURES
    private const ulong SmallestProtocolFeatures = 0x200; // CONFIG

    private static readonly int[] Optional = [Flush, Discard, WriteZeroes, IndirectDescriptors, EventIndex];

    [SkippableFact]
    public async Task Smallest_masks_of_the_back_end()
    {
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan,
            folder => DiskImage.CreateRandom(folder, 8, seed: 21),
            new DiskBackendOptions { Features = SmallestFeatures, ProtocolFeatures = SmallestProtocolFeatures });

        string features = await ReadAndWriteAsync(scenario, deviceProperties: null);

        foreach (int bit in Optional)
        {
            features[bit].ShouldBe('0', $"feature {bit}");
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Servers.Ours), MemberType = typeof(Servers))]
    public async Task Smallest_set_of_the_front_end(DiskServer server)
    {
        await using GuestScenario scenario = await StartAsync(server, folder => DiskImage.CreateRandom(folder, 8, seed: 22));

        string features = await ReadAndWriteAsync(
            scenario,
            "event_idx=off,indirect_desc=off,discard=off,write-zeroes=off,config-wce=off");

        int[] off = [Discard, WriteZeroes, IndirectDescriptors, EventIndex];
        foreach (int bit in off)
        {
            features[bit].ShouldBe('0', $"feature {bit}");
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Servers.Ours), MemberType = typeof(Servers))]
    public async Task Full_set(DiskServer server)
    {
        await using GuestScenario scenario = await StartAsync(server, folder => DiskImage.CreateRandom(folder, 8, seed: 23));

        string features = await ReadAndWriteAsync(scenario, deviceProperties: null);

        foreach (int bit in Optional)
        {
            features[bit].ShouldBe('1', $"feature {bit}");
        }
    }

    /// <summary>Its driver of disks resets no single queue; what is shown is that front end and guest take the feature, and go on as they did.</summary>
    [SkippableFact]
    public async Task The_reset_of_single_queues_where_it_is_asked_for()
    {
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 8, seed: 24), new DiskBackendOptions { QueueReset = true });

        string features = await ReadAndWriteAsync(scenario, deviceProperties: null);

        features[RingReset].ShouldBe('1');
    }

    private static async Task<string> ReadAndWriteAsync(GuestScenario scenario, string? deviceProperties)
    {
        string before = scenario.Image.Sha256();

        GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "features", DeviceProperties = deviceProperties });

        report["sha256"].ShouldBe(before);
        report["again"].ShouldBe(report["written"]);
        scenario.Image.Sha256(2 * DiskImage.MiB, 4 * DiskImage.MiB).ShouldBe(report["written"]);
        string features = report["features"];
        features[Version1].ShouldBe('1');
        await ShouldEndWellAsync(scenario, report);
        return features;
    }
}
