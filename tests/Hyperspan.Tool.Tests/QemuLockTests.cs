using System.ComponentModel;
using System.Diagnostics;

using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>QEMU's programs and the server see each other's lock on an image.</summary>
public sealed class QemuLockTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [SkippableFact]
    public void An_image_that_qemu_writes_is_refused()
    {
        string image = _folder.CreateImage("disk.img", 4 << 20);
        using Process qemu = StartQemu(image);
        qemu.StandardInput.WriteLine("write 0 512");
        qemu.StandardInput.Flush();
        qemu.StandardOutput.ReadLine()!.ShouldContain("wrote 512/512");
        ToolResult refused = ToolProcess.Run("serve", "block", "--socket", _folder.PathOf("s"), "--image", image);
        refused.ExitCode.ShouldNotBe(0);
        refused.Error.ShouldContain(image);
        refused.Error.ShouldContain("lock");
        qemu.StandardInput.Close();
        qemu.WaitForExit();
    }

    [SkippableFact]
    public void An_image_that_is_served_is_refused_by_qemu()
    {
        string image = _folder.CreateImage("disk.img", 4 << 20);
        using ToolProcess server = ToolProcess.Start("serve", "block", "--socket", _folder.PathOf("s"), "--image", image);
        server.WaitForLog("listening");
        using Process qemu = StartQemu(image, "-c", "write 0 512");
        qemu.StandardError.ReadToEnd().ShouldContain("lock");
        qemu.WaitForExit();
        qemu.ExitCode.ShouldNotBe(0);
    }

    public void Dispose() => _folder.Dispose();

    private static Process StartQemu(string image, params string[] more)
    {
        try
        {
            return Process.Start(new ProcessStartInfo("qemu-io", ["-f", "raw", .. more, image])
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        }
        catch (Win32Exception e)
        {
            Skip.If(true, $"qemu-io: {e.Message}");
            throw;
        }
    }
}
