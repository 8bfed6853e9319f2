using System.Globalization;

using Hyperspan.EndToEnd.Harness;

using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>An image that is resized while a guest runs on it.</summary>
public sealed class ResizeTests(ITestOutputHelper output) : GuestTest(output)
{
    private const int SmallerMiB = 8;
    private const int LargerMiB = 24;

    [SkippableTheory]
    [InlineData("qemu-system-x86_64")]
    [InlineData("qemu10-system-x86_64")]
    public async Task Guest_has_a_disk_of_another_size(string name)
    {
        string? qemu = TestBed.OtherQemu(name);
        Skip.If(qemu is null, $"{name} is missing: run tests/Hyperspan.EndToEnd/install");
        await using GuestScenario scenario = await StartAsync(DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, SmallerMiB, seed: 61));
        GuestMachine guest = await scenario.BootAsync(new GuestOptions
        {
            Script = "resize",
            Qemu = qemu,
            Variables = { ["LARGER"] = Sectors(LargerMiB), ["SMALLER"] = Sectors(SmallerMiB), ["LAST"] = (LargerMiB - 1).ToString(CultureInfo.InvariantCulture) },
        });
        await guest.WaitForMarkAsync(mark => mark == "grow", "the disk");
        Resize(scenario.Image.Path, LargerMiB);
        await guest.WaitForMarkAsync(mark => mark == "shrink", "the larger disk");
        string written = scenario.Image.Sha256((LargerMiB - 1) * DiskImage.MiB, DiskImage.MiB);
        Resize(scenario.Image.Path, SmallerMiB);
        GuestReport report = await guest.FinishAsync();

        report["size0"].ShouldBe(Sectors(SmallerMiB));
        report["size1"].ShouldBe(Sectors(LargerMiB));
        report["size2"].ShouldBe(Sectors(SmallerMiB));
        report["again"].ShouldBe(report["written"]);
        written.ShouldBe(report["written"]);
        await ShouldEndWellAsync(scenario, report);
    }

    private static string Sectors(int size) => (size * DiskImage.MiB / 512).ToString(CultureInfo.InvariantCulture);

    private static void Resize(string path, int size)
    {
        using FileStream file = File.Open(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(size * DiskImage.MiB);
    }
}
