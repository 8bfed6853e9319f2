using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>QEMUs older and newer than the machine's own, as the front end.</summary>
public sealed class FrontEndTests(ITestOutputHelper output) : GuestTest(output)
{
    /// <summary>QEMU 10 gives rings larger than it asked a record for; QEMU 5.2 never enables its rings.</summary>
    [SkippableTheory]
    [InlineData("qemu10-system-x86_64")]
    [InlineData("qemu52-system-x86_64")]
    public async Task Another_version_of_QEMU_boots_reads_and_writes(string name)
    {
        string? qemu = TestBed.OtherQemu(name);
        Skip.If(qemu is null, $"{name} is missing: run tests/Hyperspan.EndToEnd/install");
        await using GuestScenario scenario = await StartAsync(DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 8, seed: 24));
        string before = scenario.Image.Sha256();

        GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "features", Qemu = qemu });

        report["sha256"].ShouldBe(before);
        report["again"].ShouldBe(report["written"]);
        scenario.Image.Sha256(2 * DiskImage.MiB, 4 * DiskImage.MiB).ShouldBe(report["written"]);
        await ShouldEndWellAsync(scenario, report);
    }
}
