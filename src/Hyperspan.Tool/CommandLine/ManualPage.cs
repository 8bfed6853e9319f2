using System.CommandLine;
using System.Text;

namespace Hyperspan.Tool.CommandLine;

/// <summary>The manual page of a command, in the macros of man(7).</summary>
internal static class ManualPage
{
    /// <summary>The name of the page, without its section.</summary>
    internal static string NameOf(Command command) => CommandTree.PathOf(command).Replace(' ', '-');

    internal static string Of(Command command)
    {
        var page = new StringBuilder();
        string version = typeof(ManualPage).Assembly.GetName().Version!.ToString(3);
        page.Append($".TH {Text(NameOf(command).ToUpperInvariant())} 1 \"\" \"hyperspan {version}\" \"User Commands\"\n");
        page.Append($".SH NAME\n{Text(NameOf(command))} \\- {Text(command.Description!.TrimEnd('.'))}\n");
        WriteSynopsis(page, command);
        WriteList(page, "COMMANDS", command.Subcommands.Where(static child => !child.Hidden).Select(static child => (child.Name, child.Description!)));
        WriteList(page, "ARGUMENTS", command.Arguments.Select(static argument => (argument.HelpName ?? argument.Name, argument.Description!)));
        WriteList(page, "OPTIONS", command.Options.Where(static option => !option.Hidden).Select(static option => (Label(option), option.Description!)));
        if (command is DocumentedCommand documented)
        {
            WriteList(page, "EXAMPLES", documented.Examples);
            WriteList(page, "EXIT STATUS", documented.ExitCodes.Select(static code => (code.Code.ToString(provider: null), code.Meaning)));
        }

        if (command.Parents.OfType<Command>().FirstOrDefault() is { } parent)
        {
            page.Append($".SH SEE ALSO\n.BR {Text(NameOf(parent))} (1)\n");
        }

        return page.ToString();
    }

    private static void WriteSynopsis(StringBuilder page, Command command)
    {
        page.Append($".SH SYNOPSIS\n.B {Text(CommandTree.PathOf(command))}\n");
        foreach (Argument argument in command.Arguments)
        {
            page.Append($".I {Text(argument.HelpName ?? argument.Name)}\n");
        }

        foreach (Option option in command.Options.Where(static option => option.Required))
        {
            page.Append($"{Text(Label(option))}\n");
        }

        page.Append(command.Subcommands.Count > 0 ? "COMMAND [OPTIONS]\n" : "[OPTIONS]\n");
    }

    private static void WriteList(StringBuilder page, string title, IEnumerable<(string Term, string Meaning)> entries)
    {
        string separator = $".SH {title}\n";
        foreach ((string term, string meaning) in entries)
        {
            page.Append(separator).Append($".TP\n.B {Text(term)}\n{Text(meaning)}\n");
            separator = "";
        }
    }

    private static string Label(Option option)
    {
        string names = string.Join(", ", option.Aliases.Prepend(option.Name));
        return option.ValueType == typeof(bool) || option.HelpName is null ? names : $"{names} {option.HelpName}";
    }

    /// <summary>Text in which nothing is a request or an escape of the formatter.</summary>
    private static string Text(string text)
    {
        string escaped = text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal)
            .Replace("\"", "\\(dq", StringComparison.Ordinal);
        return escaped.StartsWith('.') || escaped.StartsWith('\'') ? "\\&" + escaped : escaped;
    }
}
