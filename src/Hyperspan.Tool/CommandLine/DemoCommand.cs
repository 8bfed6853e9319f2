using System.CommandLine;

using Hyperspan.Tool.Demo;
using Hyperspan.Tool.Output;

using Spectre.Console;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan demo</c></summary>
internal static class DemoCommand
{
    internal static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Write one JSON object to standard output, and nothing else." };
        var command = new DocumentedCommand(
            "demo",
            "See a device serve a guest out of the guest's own memory. Needs nothing installed: "
            + "the guest is a small virtio driver in this process that talks to the device by vhost-user.")
        {
            Examples =
            [
                ("hyperspan demo", "Watch it: a disk is formatted, written, read, checked, and its memory taken away. Takes seconds."),
                ("hyperspan demo --json | jq .verified", "Check a machine from a script; the exit code says the same."),
            ],
            ExitCodes =
            [
                (ExitCode.Success, "everything verified"),
                (ExitCode.Failure, "something did not verify, or there is no room for the image (about 140 MiB in the temporary directory)"),
                (ExitCode.BadInput, "wrong arguments"),
                (ExitCode.Interrupted, "ended by Ctrl-C; nothing is left behind"),
            ],
        };
        command.Add(json);
        command.SetAction(result => Run(result.GetValue(json)));
        return command;
    }

    private static int Run(bool json)
    {
        using var termination = new Termination();
        DemoReport report;
        if (json)
        {
            report = DemoRun.Execute(new SilentProgress(), termination.Token);
            JsonOutput.Write(report, DemoJsonContext.Default.DemoReport);
        }
        else
        {
            IAnsiConsole console = Terminal.CreateOutput();
            report = DemoScreen.Run(console, termination.Token);
            DemoScreen.Write(console, report);
        }

        return report.Verified ? ExitCode.Success : ExitCode.Failure;
    }
}
