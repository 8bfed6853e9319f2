using System.CommandLine;

using Hyperspan.Tool.Run;

namespace Hyperspan.Tool.CommandLine;

/// <summary>The option that says where a console leads.</summary>
internal static class ConsoleArgument
{
    internal static Option<string> Create(string subject)
    {
        Option<string> console = Create<string>("--console", subject);
        console.DefaultValueFactory = static _ => ConsoleEndPoint.Standard;
        return console;
    }

    /// <summary>One of another name, without a default.</summary>
    internal static Option<T> Create<T>(string name, string subject)
    {
        var console = new Option<T>(name)
        {
            Description = $"Where {subject} leads: stdio, pty (a new pseudo-terminal, whose name is printed) or unix:PATH (a socket that is made).",
            HelpName = "WHERE",
        };
        console.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: string where }]
                && where is not (ConsoleEndPoint.Standard or ConsoleEndPoint.PseudoTerminal)
                && !(where.StartsWith(ConsoleEndPoint.Unix, StringComparison.Ordinal) && where.Length > ConsoleEndPoint.Unix.Length))
            {
                result.AddError($"{name}: '{where}' is none of stdio, pty and unix:PATH.");
            }
        });
        return console;
    }
}
