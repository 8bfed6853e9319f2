using System.CommandLine;

using Hyperspan.Tool.Output;
using Hyperspan.Tool.Snapshots;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan manual</c></summary>
internal static class ManualCommand
{
    internal static Command Create(RootCommand root)
    {
        var folder = new Argument<string>("folder") { Description = "The folder to write to; it is made if it is not there.", HelpName = "FOLDER" };
        var command = new DocumentedCommand("manual", "Write a manual page for each command, out of the same definitions as the help.")
        {
            Examples = [("hyperspan manual ~/.local/share/man/man1", "Write them to where man finds them: man hyperspan-serve-block.")],
            ExitCodes =
            [
                (ExitCode.Success, "written"),
                (ExitCode.Failure, "the folder cannot be written to; nothing is left behind"),
                (ExitCode.BadInput, "wrong arguments"),
                (ExitCode.Interrupted, "ended by Ctrl-C"),
            ],
        };
        command.Add(folder);
        FileCommand.SetAction(command, (result, token) => Run(root, result.GetRequiredValue(folder), token));
        return command;
    }

    private static int Run(RootCommand root, string folder, CancellationToken cancellationToken)
    {
        InputFiles.RequireFolder(folder);
        using var pages = new NewFiles(folder);
        foreach (Command command in WithDescendants(root))
        {
            cancellationToken.ThrowIfCancellationRequested();
            pages.Add(ManualPage.NameOf(command) + ".1", ManualPage.Of(command));
        }

        pages.Commit();
        return ExitCode.Success;
    }

    private static IEnumerable<Command> WithDescendants(Command command) =>
        command.Subcommands.Where(static child => !child.Hidden).SelectMany(WithDescendants).Prepend(command);
}
