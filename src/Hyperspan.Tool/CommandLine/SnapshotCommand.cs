using System.CommandLine;

using Hyperspan.Tool.Snapshots;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan snapshot</c></summary>
internal static class SnapshotCommand
{
    private static readonly (int, string)[] Codes =
    [
        (ExitCode.Success, "done"),
        (ExitCode.Failure, "a file is damaged, or could not be written"),
        (ExitCode.BadInput, "wrong arguments or files: one line says why, nothing has been changed"),
        (ExitCode.Interrupted, "ended by Ctrl-C"),
    ];

    internal static Command Create() => new DocumentedCommand("snapshot", "Save the memory of a virtual machine, restore it, compare and merge what was saved.")
    {
        Save(),
        Restore(),
        Verify(),
        Info(),
        Diff(),
        Merge(),
    };

    private static DocumentedCommand Save()
    {
        var memory = new Option<string>("--memory")
        {
            Description = "The file behind the memory: what memory-backend-file of QEMU is given as mem-path, for instance; pause the guest before. Or a dump, or a snapshot.",
            HelpName = "FILE",
            Required = true,
        };
        Argument<string> snapshot = Path("SNAPSHOT", "The snapshot to write. One that is there is replaced when the new one is complete and on the disk.");
        var since = new Option<string?>("--since") { Description = "Store only what differs from this earlier snapshot, which stays needed.", HelpName = "SNAPSHOT" };
        var compress = new Option<bool>("--compress") { Description = "Compress the pages." };
        Option<bool> json = Json();
        var command = new DocumentedCommand("save", "Save the memory of a paused guest. Pages that are zero take no room.")
        {
            Examples =
            [
                ("hyperspan snapshot save --memory /dev/shm/guest.ram guest.snap", "Save all of it."),
                ("hyperspan snapshot save --memory /dev/shm/guest.ram later.snap --since guest.snap", "Save what has changed since."),
            ],
            ExitCodes = Codes,
        };
        Add(command, memory, snapshot, since, compress, json);
        FileCommand.SetAction(command, (result, token) => SnapshotRun.Save(
            result.GetRequiredValue(memory), result.GetRequiredValue(snapshot), result.GetValue(since), result.GetValue(compress), result.GetValue(json), token));
        return command;
    }

    private static DocumentedCommand Restore()
    {
        Argument<string> snapshot = Path("SNAPSHOT", "The snapshot.");
        var memory = new Option<string>("--memory")
        {
            Description = "The file to write. One that is there is written in place and gets the length of the memory.",
            HelpName = "FILE",
            Required = true,
        };
        Option<bool> json = Json();
        var command = new DocumentedCommand("restore", "Write the memory back into a file, from which a virtual machine can go on.")
        {
            Examples = [("hyperspan snapshot restore guest.snap --memory /dev/shm/guest.ram", "Make the memory file of a second virtual machine.")],
            ExitCodes = Codes,
        };
        Add(command, snapshot, memory, json);
        FileCommand.SetAction(command, (result, token) => SnapshotRun.Restore(
            result.GetRequiredValue(snapshot), result.GetRequiredValue(memory), result.GetValue(json), token));
        return command;
    }

    private static DocumentedCommand Verify()
    {
        Argument<string[]> snapshots = Paths("The snapshots. Each is checked with those it is a difference to.");
        Option<bool> json = Json();
        var command = new DocumentedCommand("verify", "Read every byte of snapshots, and check it.")
        {
            Examples = [("hyperspan snapshot verify guest.snap later.snap", "Check two.")],
            ExitCodes = Codes,
        };
        Add(command, snapshots, json);
        FileCommand.SetAction(command, (result, token) => SnapshotRun.Verify(result.GetRequiredValue(snapshots), result.GetValue(json), token));
        return command;
    }

    private static DocumentedCommand Info()
    {
        Argument<string[]> snapshots = Paths("The snapshots.");
        Option<bool> json = Json();
        var command = new DocumentedCommand("info", "Say what is in snapshots, and show where memory is used.")
        {
            Examples = [("hyperspan snapshot info guest.snap", "Look at one.")],
            ExitCodes = Codes,
        };
        Add(command, snapshots, json);
        FileCommand.SetAction(command, (result, _) => SnapshotRun.Info(result.GetRequiredValue(snapshots), result.GetValue(json)));
        return command;
    }

    private static DocumentedCommand Diff()
    {
        Argument<string[]> snapshots = Paths("Two snapshots, or a difference alone to see what it changes.");
        Option<bool> json = Json();
        var command = new DocumentedCommand("diff", "List the pages in which two snapshots differ.")
        {
            Examples = [("hyperspan snapshot diff guest.snap later.snap --json | jq .bytes", "How much has changed.")],
            ExitCodes = Codes,
        };
        Add(command, snapshots, json);
        FileCommand.SetAction(command, (result, _) => SnapshotRun.Diff(result.GetRequiredValue(snapshots), result.GetValue(json)));
        return command;
    }

    private static DocumentedCommand Merge()
    {
        Argument<string[]> snapshots = Paths(
            "The snapshots, the oldest first, then where the result goes. Where the last one is itself a difference to those before it, the result takes its place.");
        var output = new Option<string?>("--output") { Description = "Where the result goes; then all others are snapshots to merge.", HelpName = "SNAPSHOT" };
        var compress = new Option<bool>("--compress") { Description = "Compress the pages." };
        Option<bool> json = Json();
        var command = new DocumentedCommand("merge", "Make one full snapshot of a difference and those it is a difference to. These stay as they are.")
        {
            Examples =
            [
                ("hyperspan snapshot merge guest.snap later.snap all.snap", "Write the memory as of later.snap into a snapshot that needs no other."),
                ("hyperspan snapshot merge later.snap", "Make later.snap itself need no other."),
            ],
            ExitCodes = Codes,
        };
        Add(command, snapshots, output, compress, json);
        FileCommand.SetAction(command, (result, token) => SnapshotRun.Merge(
            result.GetRequiredValue(snapshots), result.GetValue(output), result.GetValue(compress), result.GetValue(json), token));
        return command;
    }

    private static Argument<string> Path(string name, string description) => new(name) { Description = description };

    private static Argument<string[]> Paths(string description) =>
        new("SNAPSHOT") { Description = description, Arity = ArgumentArity.OneOrMore };

    private static Option<bool> Json() => new("--json") { Description = "Write JSON to standard output, and nothing else." };

    private static void Add(Command command, params Symbol[] symbols)
    {
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Argument argument)
            {
                command.Add(argument);
            }
            else
            {
                command.Add((Option)symbol);
            }
        }
    }
}
