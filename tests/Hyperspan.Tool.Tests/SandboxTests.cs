using System.Diagnostics;
using System.Text.RegularExpressions;

using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>What a sandboxed service is permitted is enough to serve a disk: docs/systemd.</summary>
public sealed partial class SandboxTests : IDisposable
{
    private const int Terminate = 15;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void A_disk_is_served_without_capabilities_without_a_network_and_on_a_system_that_is_read_only()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && string.Equals(Environment.UserName, "root", StringComparison.Ordinal), "needs Linux, and root to make namespaces");
        const string Script = "mount -o remount,bind,ro / && mount --bind \"$0\" \"$0\" && mount -o remount,bind,rw \"$0\" || exit 99; "
            + "exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all dotnet \"$@\"";
        string socket = _folder.PathOf("s");
        using ToolProcess server = ToolProcess.StartProgram(
            "unshare",
            "--net", "--ipc", "--uts", "--mount", "--propagation", "private", "sh", "-c", Script, _folder.PathOf("."), Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"),
            "serve", "block", "--socket", socket, "--image", _folder.CreateImage("disk.img", 1 << 20), "--metrics", "unix:" + _folder.PathOf("m"));
        SpinWait.SpinUntil(() => server.HasExited || server.Log.Contains("listening", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        if (server.HasExited)
        {
            ToolResult refused = server.WaitForExit();
            Skip.If(refused.ExitCode is 99 or 127 || refused.Error.Contains("unshare failed", StringComparison.Ordinal), "no namespaces are permitted here: " + refused.Error);
        }

        server.WaitForLog("listening");
        string status = File.ReadAllText($"/proc/{server.Id}/status");
        status.ShouldContain("CapEff:\t0000000000000000");
        status.ShouldContain("NoNewPrivs:\t1");
        using (var guest = new Guest(socket))
        {
            guest.Memory.Write(Data, 7UL);
            guest.Disk.Write(0, Data, 4096).ShouldBe(BlockStatus.Ok);
            guest.Disk.Read(8, Data, 4096).ShouldBe(BlockStatus.Ok);
            guest.Disk.Flush().ShouldBe(BlockStatus.Ok);
        }

        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
    }

    [SkippableFact]
    public void The_unit_makes_sense_to_systemd_and_says_what_the_command_understands()
    {
        Skip.If(PublishedProgram.Sources is null, "needs the sources beside the tests");
        string unit = File.ReadAllText(Path.Combine(PublishedProgram.Sources, "docs/systemd/hyperspan-disk@.service"));

        // Its command line, but for the image that is not there.
        string line = CommandLine().Match(unit).Groups["line"].Value.Replace("%i", "test", StringComparison.Ordinal);
        ToolResult result = ToolProcess.Run(line.Split(' ')[1..]);
        result.ShouldEndWith(2);
        result.Error.ShouldContain("/var/lib/hyperspan/test.img: there is no such file");

        // A program that is there in the place of ours, which is not installed.
        string copy = _folder.PathOf("hyperspan-disk@.service");
        File.WriteAllText(copy, unit.Replace("/usr/bin/hyperspan", "/bin/true", StringComparison.Ordinal));
        using var analyze = new Process();
        analyze.StartInfo = new ProcessStartInfo("systemd-analyze", ["verify", "--man=no", copy]) { RedirectStandardError = true, UseShellExecute = false };
        try
        {
            analyze.Start();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Skip.If(true, "needs systemd-analyze");
        }

        string complaints = analyze.StandardError.ReadToEnd();
        analyze.WaitForExit();
        complaints.Split('\n').ShouldNotContain(complaint => complaint.Contains("hyperspan-disk", StringComparison.Ordinal));
    }

    [GeneratedRegex("^ExecStart=(?<line>.*)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex CommandLine();
}
