using System.Diagnostics;

using Hyperspan.Tool.CommandLine;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>A disk that is served with limits.</summary>
public sealed class ThrottleTests : IDisposable
{
    private const int Terminate = 15;
    private const int Size = 1 << 20;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public void It_does_no_more_than_that()
    {
        using ToolProcess server = Start("iops=50,burst=0.1");
        using var guest = new Guest(_folder.PathOf("s"));
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 20; i++)
        {
            guest.Disk.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        }

        // Five were saved up, of which the first may have come back meanwhile; the others took 20 ms each.
        Stopwatch.GetElapsedTime(start).ShouldBeGreaterThan(TimeSpan.FromSeconds(0.25));
        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
    }

    [LinuxFact]
    public void One_in_debt_ends_at_once_and_lets_its_front_end_go()
    {
        using ToolProcess server = Start("bps=1");
        for (int i = 0; i < 2; i++)
        {
            using var guest = new Guest(_folder.PathOf("s"));
            if (i == 0)
            {
                guest.Disk.Write(0, Data, 4096).ShouldBe(BlockStatus.Ok);
            }

            // For an hour nothing is taken.
            guest.Disk.TrySubmit(BlockRequestType.Read, 0, [], [new ChainSegment(Data, 512)], out _).ShouldBeTrue();
            guest.Kick();
        }

        server.WaitForLog("connection 2: disconnected");
        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Error.ShouldContain("done: 2 connections, 1 request, 4 KiB, 0 errors");
    }

    [Theory]
    [InlineData("iops=100", 100, 0, 0.1)]
    [InlineData("bps=1M", 0, 1 << 20, 0.1)]
    [InlineData("burst=2.5,bps=1k,iops=3", 3, 1024, 2.5)]
    public void Limits_are_understood(string text, long iops, long bps, double burst)
    {
        ThrottleArgument.TryParse(text, out DiskThrottle? throttle, out string? why).ShouldBeTrue(why);
        throttle.RequestsPerSecond.ShouldBe(iops);
        throttle.BytesPerSecond.ShouldBe(bps);
        throttle.Burst.ShouldBe(TimeSpan.FromSeconds(burst));
    }

    [Theory]
    [InlineData("")]
    [InlineData("100")]
    [InlineData("iops=0")]
    [InlineData("iops=-1")]
    [InlineData("iops=1,iops=2")]
    [InlineData("bps=16E")]
    [InlineData("bps=17179869183G")]
    [InlineData("burst=1")]
    [InlineData("iops=1,burst=0")]
    [InlineData("iops=1,burst=3601")]
    [InlineData("iops=1,burst=NaN")]
    [InlineData("iops=1,")]
    public void What_is_no_limit_is_refused(string text)
    {
        ThrottleArgument.TryParse(text, out DiskThrottle? _, out string? why).ShouldBeFalse();
        why.ShouldNotBeNull();
    }

    private ToolProcess Start(string limits)
    {
        string image = _folder.CreateImage("disk.img", Size);
        ToolProcess server = ToolProcess.Start("serve", "block", "--socket", _folder.PathOf("s"), "--image", image, "--throttle", limits);
        server.WaitForLog("listening");
        return server;
    }
}
