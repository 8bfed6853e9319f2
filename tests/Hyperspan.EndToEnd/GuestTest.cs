using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>What the tests with a guest share.</summary>
public abstract class GuestTest(ITestOutputHelper output)
{
    /// <summary>Makes a scenario, or skips the test with the reason where the machine lacks something.</summary>
    private protected async Task<GuestScenario> StartAsync(
        DiskServer server,
        Func<string, DiskImage> image,
        DiskBackendOptions? options = null)
    {
        if (TestBed.Required)
        {
            TestBed.Missing.ShouldBeNull();
        }

        Skip.If(TestBed.Missing is not null, TestBed.Missing);
        if (server == DiskServer.Hyperspan)
        {
            Skip.If(HyperspanBackend.Assembly is null, "src/Hyperspan.Tool is not there yet");
        }

        return await GuestScenario.StartAsync(server, image, output.WriteLine, options);
    }

    /// <summary>The script ended well, the guest's kernel complained of nothing, and the back end ends when asked.</summary>
    private protected static async Task ShouldEndWellAsync(GuestScenario scenario, GuestReport report)
    {
        report.Status.ShouldBe(0, "the guest's script failed");
        report.KernelErrors.ShouldBe(0, "the guest's kernel reported errors of its disk");
        (await scenario.Backend.StopAsync()).ShouldBe(0, $"{scenario.Backend.Name} did not end well");
    }
}
