using System.CommandLine;

using Hyperspan.Tool.Doctor;
using Hyperspan.Tool.Output;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan doctor</c></summary>
internal static class DoctorCommand
{
    internal static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Write one JSON object to standard output." };
        var command = new DocumentedCommand("doctor", "Say what this machine offers, what each thing is used for, and how to get what is missing.")
        {
            Examples =
            [
                ("hyperspan doctor", "Read it."),
                ("hyperspan doctor --json | jq -r '.checks[] | select(.status != \"ok\") | .id'", "List what is missing or limited."),
            ],
            ExitCodes =
            [
                (ExitCode.Success, "everything essential is there"),
                (ExitCode.Failure, "something essential is missing"),
                (ExitCode.BadInput, "wrong arguments"),
            ],
        };
        command.Add(json);
        command.SetAction(result => Run(result.GetValue(json)));
        return command;
    }

    private static int Run(bool json)
    {
        DoctorReport report = DoctorReport.Examine();
        if (json)
        {
            JsonOutput.Write(report, DoctorJsonContext.Default.DoctorReport);
        }
        else
        {
            DoctorScreen.Write(Terminal.CreateOutput(), report);
        }

        return report.Ready ? ExitCode.Success : ExitCode.Failure;
    }
}
