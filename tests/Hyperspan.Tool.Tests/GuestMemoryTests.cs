using Hyperspan.Testing;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>What memory of guests the server takes.</summary>
public sealed class GuestMemoryTests : IDisposable
{
    private const int Terminate = 15;
    private const int Size = 4 << 20;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();
    private readonly string _memory = Path.Combine(AppContext.BaseDirectory, Path.GetRandomFileName());

    public void Dispose()
    {
        _folder.Dispose();
        File.Delete(_memory);
    }

    [LinuxTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Memory_in_a_file_of_a_disk_is_refused_unless_it_is_allowed(bool allowed)
    {
        using (FileStream file = File.Create(_memory))
        {
            file.SetLength((long)Guest.Length);
        }

        Skip.If(new DriveInfo(AppContext.BaseDirectory).DriveFormat is "tmpfs" or "hugetlbfs", "the tests lie on a file system that is memory");
        using ToolProcess server = Start(allowed ? ["--allow-file-memory"] : []);
        using FileBacking memory = new FileBacking(_memory, FileAccess.ReadWrite);
        if (allowed)
        {
            using var guest = new Guest(_folder.PathOf("s"), memory);
            guest.Memory.Write(Data, 42UL);
            guest.Disk.Write(3, Data, 512).ShouldBe(BlockStatus.Ok);
            guest.Memory.Write(Data, 0UL);
            guest.Disk.Read(3, Data, 512).ShouldBe(BlockStatus.Ok);
            guest.Memory.Read<ulong>(Data).ShouldBe(42UL);
        }
        else
        {
            Should.Throw<VhostUserException>(() => new Guest(_folder.PathOf("s"), memory));
            server.WaitForLog("is in a file that is no memfd");
        }

        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
    }

    [LinuxTheory]
    [InlineData("512K", false)]
    [InlineData("1048575", false)]
    [InlineData("1M", true)]
    [InlineData("1g", true)]
    public void A_guest_with_more_memory_than_the_limit_is_refused(string limit, bool served)
    {
        using ToolProcess server = Start("--memory-limit", limit);
        if (served)
        {
            using var guest = new Guest(_folder.PathOf("s"));
            guest.Disk.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        }
        else
        {
            Should.Throw<VhostUserException>(() => new Guest(_folder.PathOf("s")));
            server.WaitForLog("of memory that are accepted");
        }

        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
    }

    [LinuxTheory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("G")]
    [InlineData("-1")]
    [InlineData("1E")]
    [InlineData("99999999999T")]
    public void A_limit_that_is_no_size_is_refused(string limit)
    {
        ToolResult result = ToolProcess.Run("serve", "block", "--socket", _folder.PathOf("s"), "--image", _folder.CreateImage("disk.img", Size), "--memory-limit=" + limit);
        result.ShouldEndWith(2);
        result.Error.ShouldContain("--memory-limit");
    }

    private ToolProcess Start(params string[] more)
    {
        ToolProcess server = ToolProcess.Start(
            ["serve", "block", "--socket", _folder.PathOf("s"), "--image", _folder.CreateImage("disk.img", Size), .. more]);
        server.WaitForLog("listening");
        return server;
    }
}
