using System.Diagnostics;

using Hyperspan.Tests;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

using Xunit.Abstractions;

namespace Hyperspan.Tool.Tests;

/// <summary>The server is asked to end while something that it depends on hangs. With HYPERSPAN_LONG=1 twenty times each, and the longest is printed.</summary>
public sealed class EndTests(ITestOutputHelper output) : IDisposable
{
    private const int Terminate = 15;
    private const int Size = 4 << 20;
    private const ulong Data = 0x8_0000;

    // Ten seconds after which it has ended, and as much again for a busy machine to start what measures it.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly int Rounds = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1" ? 20 : 1;

    private readonly TemporaryFolder _folder = new();

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_image_that_does_not_answer_is_left_and_that_is_said(bool writes)
    {
        Measure(round =>
        {
            using StuckFile? stuck = StuckFile.TryCreate(_folder.PathOf($"disk{round}"), Size, isFlushed: false, out string reason);
            Skip.If(stuck is null, reason);
            using ToolProcess server = Start(stuck.Path, round);
            using var guest = new Guest(_folder.PathOf($"s{round}"));
            guest.Disk.Write(0, Data, 4096).ShouldBe(BlockStatus.Ok);
            stuck.FallSilent();
            var request = new Thread(() => Record.Exception(() => writes ? guest.Disk.Write(1024, Data, 4096) : guest.Disk.Read(2048, Data, 4096)))
            {
                IsBackground = true,
            };
            request.Start();

            // So that the request has been taken; where it was not, the end is the shorter.
            Thread.Sleep(300);
            return End(server, 1, "ended by force");
        });
    }

    public void Dispose() => _folder.Dispose();

    private static TimeSpan End(ToolProcess server, int exitCode, string said)
    {
        var clock = Stopwatch.StartNew();
        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        TimeSpan time = clock.Elapsed;
        result.ShouldEndWith(exitCode);
        result.Error.ShouldContain(said);
        return time;
    }

    private void Measure(Func<int, TimeSpan> round)
    {
        TimeSpan longest = Enumerable.Range(0, Rounds).Max(round);
        output.WriteLine($"longest of {Rounds}: {longest.TotalSeconds:f2} s");
        longest.ShouldBeLessThan(Limit);
    }

    private ToolProcess Start(string image, int round)
    {
        ToolProcess server = ToolProcess.Start("serve", "block", "--socket", _folder.PathOf($"s{round}"), "--image", image);
        server.WaitForLog("listening");
        return server;
    }
}
