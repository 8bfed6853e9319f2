using System.Net.Sockets;

using Hyperspan.Tool.CommandLine;
using Hyperspan.Tool.Serve;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>Several disks in one process: each on its socket, and none the worse for what another's front end does.</summary>
public sealed class SeveralDisksTests : IDisposable
{
    private const int Terminate = 15;
    private const int Size = 1 << 20;
    private const ulong Data = 0x8_0000;

    private static readonly BlockServerOptions Otherwise = new() { Socket = new SocketOptions(), ImagePath = "", Queues = 3, Id = "SAME", Cache = DiskCache.None };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public void Each_is_served_as_it_was_asked_for_at_the_same_time_and_flushed_at_the_end()
    {
        using ToolProcess server = Start("image=A,socket=a,id=FIRST", "image=B,socket=b,queues=2", "image=C,socket=c,read-only");
        using var first = new Guest(_folder.PathOf("a"));
        using var second = new Guest(_folder.PathOf("b"));
        using var third = new Guest(_folder.PathOf("c"));

        first.Disk.GetId(Data, out string id).ShouldBe(BlockStatus.Ok);
        id.ShouldBe("FIRST");
        second.Disk.GetId(Data, out id).ShouldBe(BlockStatus.Ok);
        id.ShouldBe("hyperspan");
        first.FrontEnd.GetQueueCount().ShouldBe(4UL);
        second.FrontEnd.GetQueueCount().ShouldBe(2UL);
        (third.FrontEnd.Features & VirtioBlockFeatures.ReadOnly).ShouldNotBe(0UL);
        (second.FrontEnd.Features & VirtioBlockFeatures.ReadOnly).ShouldBe(0UL);

        first.Memory.Write(Data, 0x1111UL);
        second.Memory.Write(Data, 0x2222UL);
        first.Disk.Write(0, Data, 512).ShouldBe(BlockStatus.Ok);
        second.Disk.Write(0, Data, 512).ShouldBe(BlockStatus.Ok);
        third.Disk.Write(0, Data, 512).ShouldBe(BlockStatus.IoError);

        // It ends with all front ends still there.
        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Output.ShouldContain("path=" + _folder.PathOf("a"));
        result.Output.ShouldContain("path=" + _folder.PathOf("c"));
        result.Error.ShouldContain($"{_folder.PathOf("A")}: done: 1 connection, 2 requests");
        result.Error.ShouldContain($"{_folder.PathOf("B")}: done: 1 connection, 2 requests");
        result.Error.ShouldContain($"{_folder.PathOf("C")}: done: 1 connection, 1 request, 0 B, 1 error; failed: 1 write (invalid request)");
        BitConverter.ToUInt64(File.ReadAllBytes(_folder.PathOf("A"))).ShouldBe(0x1111UL);
        BitConverter.ToUInt64(File.ReadAllBytes(_folder.PathOf("B"))).ShouldBe(0x2222UL);
        _folder.Names().ShouldBe(["A", "B", "C"]);
    }

    [LinuxFact]
    public void What_a_front_end_does_wrong_or_does_not_do_concerns_its_own_disk_alone()
    {
        using ToolProcess server = Start("image=A,socket=a", "image=B,socket=b");
        using var good = new Guest(_folder.PathOf("b"));

        // Half a message, and then nothing; more connections than are taken; and many that are refused, each with a line in the log.
        using var half = Connect("a");
        half.Send([1, 0, 0]);
        for (int i = 0; i < 300; i++)
        {
            good.Disk.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        }

        half.Dispose();
        for (int i = 0; i < 150; i++)
        {
            using Socket wrong = Connect("a");
            wrong.Send(Enumerable.Repeat((byte)0xff, 12).ToArray());
        }

        // What happens to the other is in the log all the same.
        using (var another = new Guest(_folder.PathOf("a")))
        {
            another.Disk.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        }

        good.Dispose();
        server.WaitForLog($"{_folder.PathOf("B")}: connection 1: disconnected");
        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Error.ShouldContain($"{_folder.PathOf("A")}: connection 2: protocol error");
        result.Error.ShouldContain($"{_folder.PathOf("B")}: done: 1 connection, 300 requests");
        result.Error.ShouldContain("lines left out");
    }

    [LinuxFact]
    public void Where_one_cannot_be_served_none_is_and_nothing_is_left()
    {
        _folder.CreateImage("A", Size);
        ShouldSay($"{_folder.PathOf("B")}: there is no such file", "--disk", Disk("image=A,socket=a"), "--disk", Disk("image=B,socket=b"));
        ShouldSay("is locked: another instance uses this image", "--disk", Disk("image=A,socket=a"), "--disk", Disk("image=A,socket=b"));
        _folder.CreateImage("B", Size);
        ShouldSay($"{_folder.PathOf("B")}: exists already", "--disk", Disk("image=A,socket=a"), "--disk", Disk("image=B,socket=B"));
        ShouldSay("'--image' is for one disk, '--disk' says it for several", "--disk", Disk("image=A,socket=a"), "--image", "x");
        ShouldSay("'--socket' is for one disk, '--disk' says it for several", "--disk", Disk("image=A,socket=a"), "--socket", "x");
        ShouldSay("Option '--image' is required", "--socket", _folder.PathOf("a"));
        _folder.Names().ShouldBe(["A", "B"]);
    }

    [Fact]
    public void What_a_disk_does_not_say_is_as_for_all()
    {
        BlockServerOptions disk = DiskArgument.Parse("image=a,,b.img,socket=/s", Otherwise);
        disk.ImagePath.ShouldBe("a,b.img");
        disk.Name.ShouldBe("a,b.img");
        disk.Socket.Path.ShouldBe("/s");
        (disk.Queues, disk.Id, disk.Cache, disk.ReadOnly, disk.Force).ShouldBe((3, "SAME", DiskCache.None, false, false));

        disk = DiskArgument.Parse("socket=/s,read-only,force=on,cache=directsync,format=raw,lock=served,queues=7,id=X Y,image=i=j", Otherwise);
        disk.ImagePath.ShouldBe("i=j");
        (disk.Queues, disk.Id, disk.Cache, disk.ReadOnly, disk.Force).ShouldBe((7, "X Y", DiskCache.DirectSync, true, true));
        (disk.IsRaw, disk.Locking).ShouldBe((true, ImageLocking.WhileServed));
        disk = DiskArgument.Parse("image=i,socket=/s,rerror=ignore,werror=enospc", Otherwise);
        (disk.ReadErrors, disk.WriteErrors).ShouldBe((DiskErrorPolicy.Ignore, DiskErrorPolicy.StopWhenFull));
        disk = DiskArgument.Parse("image=i,bps=2M,socket=/s,iops=7,burst=0.5", Otherwise);
        (disk.Throttle!.RequestsPerSecond, disk.Throttle.BytesPerSecond, disk.Throttle.Burst).ShouldBe((7, 2 << 20, TimeSpan.FromSeconds(0.5)));
        DiskArgument.Parse("image=i,socket=/s", Otherwise with { Throttle = disk.Throttle }).Throttle.ShouldBe(disk.Throttle);
        DiskArgument.Parse("socket=/s,image=i,read-only=off", Otherwise with { ReadOnly = true }).ReadOnly.ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("image=i")]
    [InlineData("socket=/s")]
    [InlineData("image=,socket=/s")]
    [InlineData("image=i,socket=/s,")]
    [InlineData("image=i,socket=/s,image=j")]
    [InlineData("image=i,socket=/s,queues=0")]
    [InlineData("image=i,socket=/s,queues=257")]
    [InlineData("image=i,socket=/s,queues= 1")]
    [InlineData("image=i,socket=/s,cache=often")]
    [InlineData("image=i,socket=/s,read-only=maybe")]
    [InlineData("image=i,socket=/s,format=qcow2")]
    [InlineData("image=i,socket=/s,id=123456789012345678901")]
    [InlineData("image=i,socket=/s,burst=1")]
    [InlineData("image=i,socket=/s,rerror=enospc")]
    [InlineData("image=i,socket=/s,iops=0")]
    [InlineData("image=i,socket=/s,iops=")]
    [InlineData("image=i,socket=/s,colour=red")]
    public void What_makes_no_sense_is_refused(string text) =>
        Should.Throw<InvalidInputException>(() => DiskArgument.Parse(text, Otherwise)).Message.ShouldStartWith("--disk: ");

    private static void ShouldSay(string why, params string[] arguments)
    {
        ToolResult result = ToolProcess.Run(["serve", "block", .. arguments]);
        result.ShouldEndWith(2);
        result.Error.ShouldContain(why);
    }

    private Socket Connect(string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(_folder.PathOf(name)));
        return socket;
    }

    private string Disk(string text) => text.Replace("image=", "image=" + _folder.PathOf("") + "/", StringComparison.Ordinal)
        .Replace("socket=", "socket=" + _folder.PathOf("") + "/", StringComparison.Ordinal);

    private ToolProcess Start(params string[] disks)
    {
        foreach (string disk in disks)
        {
            _folder.CreateImage(disk["image=".Length..disk.IndexOf(',', StringComparison.Ordinal)], Size);
        }

        ToolProcess server = ToolProcess.Start(["serve", "block", "--queues", "4", .. disks.SelectMany(disk => (string[])["--disk", Disk(disk)])]);
        foreach (string disk in disks)
        {
            server.WaitForLog($"{_folder.PathOf(disk["image=".Length..disk.IndexOf(',', StringComparison.Ordinal)])}: listening");
        }

        return server;
    }
}
