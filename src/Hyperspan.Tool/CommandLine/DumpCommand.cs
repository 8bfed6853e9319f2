using System.CommandLine;

using Hyperspan.Dumps;
using Hyperspan.Tool.Dumps;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan dump</c></summary>
internal static class DumpCommand
{
    private static readonly (int, string)[] Codes =
    [
        (ExitCode.Success, "done"),
        (ExitCode.Failure, "a file is damaged, or could not be written"),
        (ExitCode.BadInput, "wrong arguments or files: one line says why, nothing has been changed"),
        (ExitCode.Interrupted, "ended by Ctrl-C"),
    ];

    internal static Command Create() => new DocumentedCommand("dump", "Convert the memory of a virtual machine for other tools, and look into it.")
    {
        ConvertTo(),
        Info(),
    };

    private static DocumentedCommand ConvertTo()
    {
        var to = new Option<string>("--to")
        {
            Description = "The format: elf for gdb, drgn and crash; kdump for drgn and crash, compressed; lime; raw for the bare bytes by address.",
            HelpName = "FORMAT",
            Required = true,
        };
        to.AcceptOnlyFromAmong("elf", "kdump", "raw", "lime");
        var input = new Argument<string>("INPUT")
        {
            Description = "A snapshot, an ELF core (dump-guest-memory of QEMU), a compressed kdump, a file of LiME; anything else is taken as the bare bytes.",
        };
        var output = new Argument<string>("OUTPUT") { Description = "The file to write. One that is there is replaced when the new one is complete." };
        var skipZero = new Option<bool>("--skip-zero") { Description = "Leave pages that are zero out of the list of what there is." };
        var json = new Option<bool>("--json") { Description = "Write JSON to standard output, and nothing else." };
        var command = new DocumentedCommand("convert", "Write memory in another format.")
        {
            Examples =
            [
                ("hyperspan dump convert --to elf guest.snap guest.core", "Make a core file of a snapshot."),
                ("hyperspan dump convert --to lime guest.core guest.lime", "Make a file of LiME of a core file."),
            ],
            ExitCodes = Codes,
        };
        command.Add(to);
        command.Add(input);
        command.Add(output);
        command.Add(skipZero);
        command.Add(json);
        FileCommand.SetAction(command, (result, token) => DumpRun.Convert(
            result.GetRequiredValue(input),
            result.GetRequiredValue(output),
            result.GetRequiredValue(to) switch { "elf" => DumpFormat.Elf, "kdump" => DumpFormat.Kdump, "lime" => DumpFormat.Lime, _ => DumpFormat.Raw },
            result.GetValue(skipZero),
            result.GetValue(json),
            token));
        return command;
    }

    private static DocumentedCommand Info()
    {
        var input = new Argument<string>("INPUT") { Description = "A dump or a snapshot." };
        var json = new Option<bool>("--json") { Description = "Write JSON to standard output, and nothing else." };
        var command = new DocumentedCommand("info", "Say what is in a dump, and show where memory is used.")
        {
            Examples = [("hyperspan dump info guest.core", "Look at one.")],
            ExitCodes = Codes,
        };
        command.Add(input);
        command.Add(json);
        FileCommand.SetAction(command, (result, _) => DumpRun.Info(result.GetRequiredValue(input), result.GetValue(json)));
        return command;
    }
}
