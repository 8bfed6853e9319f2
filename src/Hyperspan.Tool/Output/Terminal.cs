using System.Globalization;

using Spectre.Console;

namespace Hyperspan.Tool.Output;

/// <summary>Where output goes, and how wide it may be.</summary>
internal static class Terminal
{
    private const int NarrowestFile = 20;
    private const int WidestFile = 1000;
    private const int FileWidth = 120;

    /// <summary>Gets the width to which help is wrapped. Lines of a file are not: a reader of it may have any width.</summary>
    internal static int HelpWidth => Console.IsOutputRedirected ? int.MaxValue : Math.Max(CreateOutput().Profile.Width, 40);

    /// <summary>Makes a console on standard output. It has no colours where <c>NO_COLOR</c> is set or the output is redirected.</summary>
    internal static IAnsiConsole CreateOutput() => Create(Console.Out, Console.IsOutputRedirected);

    /// <summary>Makes a console on standard error, for what is not the result of a command.</summary>
    internal static IAnsiConsole CreateError() => Create(Console.Error, Console.IsErrorRedirected);

    /// <summary>Writes a line to standard output: one, whatever names are in it.</summary>
    internal static void WriteLine(string line) => Console.Out.WriteLine(Printable.Of(line));

    /// <summary>Writes the line that says why a command is not done.</summary>
    internal static void Error(string message) => WriteError($"hyperspan: {message}");

    /// <summary>Writes a line to standard error: one, whatever is in it.</summary>
    internal static void WriteError(string line)
    {
        try
        {
            Console.Error.WriteLine(Printable.Of(line));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nobody is there to read it; the exit code still tells.
        }
    }

    private static IAnsiConsole Create(TextWriter writer, bool redirected)
    {
        bool isPlain = redirected || Environment.GetEnvironmentVariable("TERM") is null or "" or "dumb";
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isPlain ? AnsiSupport.No : AnsiSupport.Detect,
            Interactive = isPlain ? InteractionSupport.No : InteractionSupport.Detect,

            // no-color.org: any value but an empty one.
            ColorSystem = isPlain || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
                ? ColorSystemSupport.NoColors
                : ColorSystemSupport.Detect,

            // The build servers that are known to it show colours; whoever redirects output to a file there does not want them.
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
        });

        if (redirected)
        {
            // A file has no width; a caller may say what it wants.
            bool isGiven = int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), NumberStyles.None, CultureInfo.InvariantCulture, out int columns);
            console.Profile.Width = isGiven && columns is >= NarrowestFile and <= WidestFile ? columns : FileWidth;
        }

        return console;
    }
}
