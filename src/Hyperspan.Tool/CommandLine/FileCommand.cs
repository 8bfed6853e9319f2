using System.CommandLine;

using Hyperspan.Tool.Output;

namespace Hyperspan.Tool.CommandLine;

/// <summary>What the commands on files have in common.</summary>
internal static class FileCommand
{
    /// <summary>Has a command do something that Ctrl-C ends. Whatever is wrong with what was given is one line and an exit code.</summary>
    internal static void SetAction(Command command, Func<ParseResult, CancellationToken, int> run) => command.SetAction(result =>
    {
        using var termination = new Termination();
        try
        {
            return run(result, termination.Token);
        }
        catch (InvalidInputException e)
        {
            Terminal.Error(e.Message);
            return ExitCode.BadInput;
        }
        catch (ArgumentException e) when (e.ParamName is "path" or "options")
        {
            // A file that would be replaced while it is read, for instance.
            Terminal.Error(e.Message.Replace($" (Parameter '{e.ParamName}')", "", StringComparison.Ordinal));
            return ExitCode.BadInput;
        }
        catch (GuestMemoryException e)
        {
            Terminal.Error(e.Message);
            return ExitCode.Failure;
        }
    });
}
