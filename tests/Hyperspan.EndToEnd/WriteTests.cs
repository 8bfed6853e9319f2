using System.Security.Cryptography;
using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

public sealed class WriteTests(ITestOutputHelper output) : GuestTest(output)
{
    private const long MiB = DiskImage.MiB;

    [SkippableTheory]
    [MemberData(nameof(Servers.Both), MemberType = typeof(Servers))]
    public async Task Image_holds_what_the_guest_wrote(DiskServer server)
    {
        await using GuestScenario scenario = await StartAsync(server, folder => DiskImage.CreateRandom(folder, 32, seed: 11));
        DiskImage image = scenario.Image;
        string head = image.Sha256(0, 4 * MiB);
        string tail = image.Sha256(20 * MiB);

        GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "write" });

        image.Sha256(4 * MiB, 16 * MiB).ShouldBe(report["sha256"]);
        report["again"].ShouldBe(report["sha256"]);
        image.Sha256(0, 4 * MiB).ShouldBe(head, "before the part that was written");
        image.Sha256(20 * MiB).ShouldBe(tail, "behind the part that was written");
        image.Length.ShouldBe(32 * MiB);
        await ShouldEndWellAsync(scenario, report);
    }

    [SkippableTheory]
    [MemberData(nameof(Servers.Ours), MemberType = typeof(Servers))]
    public async Task Discard_and_write_zeroes_reach_the_image(DiskServer server)
    {
        await using GuestScenario scenario = await StartAsync(server, folder => DiskImage.CreateRandom(folder, 20, seed: 12));
        DiskImage image = scenario.Image;
        string[] before = [image.Sha256(0, 4 * MiB), image.Sha256(8 * MiB, 4 * MiB), image.Sha256(16 * MiB)];

        GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "discard" });

        report.Status.ShouldBe(0);
        report.Number("discard_max").ShouldBePositive();
        report.Number("zeroes_max").ShouldBePositive();
        string zeroes = Convert.ToHexStringLower(SHA256.HashData(new byte[4 * MiB]));
        report["zeroes"].ShouldBe(zeroes);
        image.Sha256(12 * MiB, 4 * MiB).ShouldBe(zeroes);
        string[] after = [image.Sha256(0, 4 * MiB), image.Sha256(8 * MiB, 4 * MiB), image.Sha256(16 * MiB)];
        after.ShouldBe(before, "parts that were neither discarded nor zeroed");
        await ShouldEndWellAsync(scenario, report);
    }
}
