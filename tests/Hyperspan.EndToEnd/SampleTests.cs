using System.Globalization;

using Hyperspan.EndToEnd.Harness;

using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>Devices that a user writes, served to a guest.</summary>
public sealed class SampleTests(ITestOutputHelper output) : GuestTest(output)
{
    private const int Length = 16384;

    [SkippableFact]
    public async Task Entropy_device_of_the_samples()
    {
        await using GuestScenario scenario = await StartAsync(DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 8, seed: 41));
        string socket = Path.Combine(scenario.Folder, "entropy.socket");
        await using var device = LeashedProcess.Start("entropy device", "dotnet", [BuiltProgram.Find("samples/EntropyDevice")!, socket]);
        while (!File.Exists(socket))
        {
            device.HasExited.ShouldBeFalse(device.Log);
            await Task.Delay(20);
        }

        GuestReport report = await scenario.RunAsync(new GuestOptions
        {
            Script = "entropy",
            Arguments = ["-chardev", $"socket,id=entropy,path={socket}", "-device", "vhost-user-rng-pci,chardev=entropy"],
        });

        report["current"].ShouldStartWith("virtio_rng");
        report["length"].ShouldBe(Length.ToString(CultureInfo.InvariantCulture));
        report["different"].ShouldBe("1");
        int.Parse(report["compressed"], CultureInfo.InvariantCulture).ShouldBeGreaterThan(Length, "random bytes do not get shorter");
        device.Signal(Signals.Interrupt);
        (await device.WaitForExitAsync(TimeSpan.FromSeconds(20))).ShouldBe(0, device.Log);
        await ShouldEndWellAsync(scenario, report);
    }
}
