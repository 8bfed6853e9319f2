using System.Diagnostics;

using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>Block devices over files: what only a real device does. Needs root.</summary>
public sealed class LoopDeviceTests : IDisposable
{
    private const int Terminate = 15;
    private const int Continue = 18;
    private const long Size = 16 << 20;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();
    private readonly Stack<string[]> _undo = new();

    [SkippableFact]
    public void A_flush_that_the_device_fails_is_told_to_every_later_one_and_by_the_exit_code()
    {
        string small = Directory.CreateDirectory(_folder.PathOf("small")).FullName;
        Do(["mount", "-t", "tmpfs", "-o", "size=1m", "small", small], undo: ["umount", "-l", small]);
        string device = Attach(Path.Combine(small, "disk"));
        using ToolProcess server = Start(device);
        using (var guest = new Guest(_folder.PathOf("s")))
        {
            for (uint i = 0; i < 64; i++)
            {
                guest.Disk.Write(i * 128, Data, 64 << 10).ShouldBe(BlockStatus.Ok, "the device takes it, the file behind it cannot");
                guest.Memory.Write(Data, (ulong)i);
            }

            guest.Disk.Flush().ShouldBe(BlockStatus.IoError);
            guest.Disk.Flush().ShouldBe(BlockStatus.IoError);
        }

        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(1);
        result.Error.ShouldContain("failed: 2 flush (EIO)");
        result.Error.ShouldContain("cannot be flushed");
    }

    /// <summary>No loop device, but a file system that gets full.</summary>
    [SkippableFact]
    public void A_disk_on_a_file_system_that_is_full_stops_and_goes_on_when_there_is_room()
    {
        string small = Directory.CreateDirectory(_folder.PathOf("small")).FullName;
        Do(["mount", "-t", "tmpfs", "-o", "size=256k", "small", small], undo: ["umount", "-l", small]);
        string image = Path.Combine(small, "disk");
        string ballast = Path.Combine(small, "ballast");
        File.WriteAllBytes(ballast, new byte[128 << 10]);
        using (FileStream file = File.Create(image))
        {
            file.SetLength(Size);
        }

        using ToolProcess server = Start(image, "--werror", "enospc");
        using (var guest = new Guest(_folder.PathOf("s")))
        {
            guest.Memory.Fill(Data, 0x77, 192 << 10);
            guest.Disk.TrySubmit(BlockRequestType.Write, 0, [new ChainSegment(Data, 192 << 10)], [], out _).ShouldBeTrue();
            guest.Kick();
            server.WaitForLog($"stopped: write (ENOSPC); requests wait until 'kill -CONT {server.Id}'");
            guest.Disk.TryComplete(out _).ShouldBeFalse();

            // Nothing has changed: it stops again.
            server.Signal(Continue);
            server.WaitForLog("goes on");
            server.WaitUntil(() => server.Log.Split("stopped: write (ENOSPC)").Length == 3);

            File.Delete(ballast);
            server.Signal(Continue);
            guest.Disk.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
            guest.Disk.Read(0, Data, 512).ShouldBe(BlockStatus.Ok);
        }

        File.ReadAllBytes(image)[..(192 << 10)].ShouldAllBe(value => value == 0x77);
        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Error.ShouldContain("2 errors; failed: 2 write (ENOSPC)");
    }

    [SkippableFact]
    public void A_mounted_device_is_refused_for_writing_unless_forced()
    {
        string device = Attach(_folder.PathOf("disk"));
        string mount = Directory.CreateDirectory(_folder.PathOf("mounted")).FullName;
        Do(["mkfs.ext4", "-q", device]);
        Do(["mount", device, mount], undo: ["umount", mount]);
        ToolResult refused = ToolProcess.Run("serve", "block", "--socket", _folder.PathOf("s"), "--image", device);
        refused.ExitCode.ShouldNotBe(0);
        refused.Error.ShouldContain(device);
        refused.Error.ShouldContain("--force");
        foreach (string option in (string[])["--read-only", "--force"])
        {
            using ToolProcess server = Start(device, option);
            server.Signal(Terminate);
            server.WaitForExit().ShouldEndWith(0);
        }
    }

    /// <summary>Of 4 KiB blocks, requests of sectors: whole blocks are given back, parts of them are written or left.</summary>
    [SkippableTheory]
    [InlineData(512)]
    [InlineData(4096)]
    public void Ranges_that_begin_and_end_within_blocks_are_zeroed_and_discarded(int block)
    {
        const int sectors = 64;
        string device = Attach(_folder.PathOf("disk"), block);
        byte[] full = new byte[sectors * 512];
        Array.Fill(full, (byte)0x55);
        using ToolProcess server = Start(device);
        using var guest = new Guest(_folder.PathOf("s"));
        foreach ((uint first, uint count) in ((uint, uint)[])[(0, 64), (8, 16), (3, 40), (3, 5), (4, 2), (1, 7), (7, 2), (9, 6), (15, 10)])
        {
            foreach (bool unmap in (bool[])[false, true])
            {
                Fill(guest, full);
                guest.Disk.WriteZeroes(first, count, unmap).ShouldBe(BlockStatus.Ok, $"{first}, {count}");
                byte[] expected = [.. full];
                expected.AsSpan((int)first * 512, (int)count * 512).Clear();
                ReadAll(guest).ShouldBe(expected, $"{first}, {count}");
            }

            // What is discarded may be anything, what is not is as it was.
            Fill(guest, full);
            guest.Disk.Discard(first, count).ShouldBe(BlockStatus.Ok, $"{first}, {count}");
            byte[] left = ReadAll(guest);
            left[..((int)first * 512)].ShouldAllBe(value => value == 0x55);
            left[((int)(first + count) * 512)..].ShouldAllBe(value => value == 0x55);
        }

        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);

        static void Fill(Guest guest, byte[] bytes)
        {
            guest.Memory.Write(Data, bytes);
            guest.Disk.Write(0, Data, sectors * 512).ShouldBe(BlockStatus.Ok);
        }

        static byte[] ReadAll(Guest guest)
        {
            guest.Memory.Clear(Data, sectors * 512);
            guest.Disk.Read(0, Data, sectors * 512).ShouldBe(BlockStatus.Ok);
            byte[] bytes = new byte[sectors * 512];
            guest.Memory.Read(Data, bytes);
            return bytes;
        }
    }

    public void Dispose()
    {
        foreach (string[] command in _undo)
        {
            Run(command);
        }

        _folder.Dispose();
    }

    private static string? Run(string[] command)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardOutput = true })!;
            string text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? text.Trim() : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private string Attach(string path, int block = 512)
    {
        using (FileStream file = File.Create(path))
        {
            file.SetLength(Size);
        }

        string device = Do(["losetup", "--find", "--show", "--sector-size", block.ToString(System.Globalization.CultureInfo.InvariantCulture), path]);
        _undo.Push(["losetup", "--detach", device]);
        return device;
    }

    private string Do(string[] command, string[]? undo = null)
    {
        string? result = Run(command);
        Skip.If(result is null, $"'{string.Join(' ', command)}' does not work here (needs root)");
        if (undo is not null)
        {
            _undo.Push(undo);
        }

        return result;
    }

    private ToolProcess Start(string image, params string[] more)
    {
        ToolProcess server = ToolProcess.Start(["serve", "block", "--socket", _folder.PathOf("s"), "--image", image, .. more]);
        server.WaitForLog("listening");
        return server;
    }
}
