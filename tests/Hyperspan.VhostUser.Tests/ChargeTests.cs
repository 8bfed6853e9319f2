using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.VhostUser.Tests;

/// <summary>A page of shared memory is charged to the control group of whoever touches it first: that is not to be the back end, but for what rings and requests name.</summary>
public sealed class ChargeTests
{
    private const ulong Length = 1UL << 30;

    // In units of 512 bytes: two huge pages, where shared memory has them.
    private const long FewBlocks = 8192;

    [Fact]
    public void Memory_that_neither_rings_nor_requests_name_is_not_touched()
    {
        using var memory = new TestMemory(Length);
        using var added = new TestMemory(Length);
        using var harness = new Harness();
        TestDriver driver = ConversationTests.NewDriver(memory, 0x1000);
        long before = Blocks(memory);
        Blocks(added).ShouldBe(0);
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(memory.Region());
        harness.FrontEnd.AddMemory(added.Region(4 * Length));
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        for (ulong number = 0; number < 100; number++)
        {
            driver.Submit(number);
            queue.Kick();
            driver.WaitForAll(queue);
        }

        harness.FrontEnd.SetMemory(memory.Region(), added.Region(8 * Length));
        Blocks(memory).ShouldBe(before);
        Blocks(added).ShouldBe(0);

        // A guest's read into a page of its own that nobody has touched yet touches that one.
        driver.Describe(15, (8 * Length) + (Length / 2), 8, 2, 0);
        driver.Describe(14, 0x5000, 8, 1, 15);
        driver.Offer(14);
        queue.Kick();
        Harness.Eventually(() => harness.Device.Completed.Count == 101, "the request is done");
        Blocks(added).ShouldBeInRange(8, FewBlocks);
        harness.FrontEnd.StopQueue(0);
    }

    private static long Blocks(TestMemory memory)
    {
        string file = string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{memory.File.DangerousGetHandle()}");
        using var process = Process.Start(new ProcessStartInfo("stat", ["-L", "--format=%b", file]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return long.Parse(text, CultureInfo.InvariantCulture);
    }
}
