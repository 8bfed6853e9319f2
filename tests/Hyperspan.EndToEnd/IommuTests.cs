using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>A guest whose IOMMU translates what the disk accesses: each request is mapped, and taken away strictly when it is done.</summary>
public sealed class IommuTests(ITestOutputHelper output) : GuestTest(output)
{
    private const long MiB = DiskImage.MiB;

    public static TheoryData<string, int> Machines => new()
    {
        { "qemu-system-x86_64", 1 },
        { "qemu10-system-x86_64", 1 },
        { "qemu10-system-x86_64", 2 },
    };

    [SkippableTheory]
    [MemberData(nameof(Machines))]
    public async Task Data_goes_through_the_guests_iommu(string qemu, int queues)
    {
        string? program = TestBed.OtherQemu(qemu);
        Skip.If(program is null, $"{qemu} is not there: run tests/Hyperspan.EndToEnd/install-front-ends");
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 32, seed: 41), new DiskBackendOptions { Iommu = true, Queues = queues });
        DiskImage image = scenario.Image;
        string head = image.Sha256(0, 4 * MiB);
        string tail = image.Sha256(20 * MiB);
        GuestReport report = await scenario.RunAsync(
            new GuestOptions { Script = "iommu", Qemu = program, Iommu = true, Queues = queues, Processors = queues, Timeout = TimeSpan.FromMinutes(3) });
        image.Sha256(4 * MiB, 16 * MiB).ShouldBe(report["sha256"]);
        report["again"].ShouldBe(report["sha256"]);
        image.Sha256(0, 4 * MiB).ShouldBe(head);
        image.Sha256(20 * MiB).ShouldBe(tail);
        report.Number("groups").ShouldBePositive("the guest's IOMMU is not on");
        report["type"].ShouldContain("DMA");
        report.Number("same").ShouldBe(8);
        scenario.Backend.Log.ShouldContain("translated");
        await ShouldEndWellAsync(scenario, report);
    }
}
