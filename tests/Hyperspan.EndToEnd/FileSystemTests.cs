using System.Diagnostics;
using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

public sealed class FileSystemTests(ITestOutputHelper output) : GuestTest(output)
{
    [SkippableTheory]
    [MemberData(nameof(Servers.Ours), MemberType = typeof(Servers))]
    public async Task Guest_keeps_an_ext4_file_system(DiskServer server)
    {
        await using GuestScenario scenario = await StartAsync(server, folder => DiskImage.CreateEmpty(folder, 64));

        GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "ext4" });

        report.Number("same").ShouldBe(1, "files differ after the second mount");
        report.Number("files").ShouldBe(40);
        report["link"].ShouldBe("large");
        report.Number("check").ShouldBe(0);
        await ShouldEndWellAsync(scenario, report);

        // The host's own look at the image.
        using Process check = Process.Start(TestBed.Program("e2fsck")!, ["-f", "-n", scenario.Image.Path]);
        await check.WaitForExitAsync();
        check.ExitCode.ShouldBe(0);
    }
}
