using System.Text.Json;
using Spectre.Console;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>The command line of the quick runner: <c>quick [--json FILE] [--against FILE] [--filter TEXT] [--check]</c>.</summary>
internal static class QuickCommand
{
    /// <summary>All aims were met.</summary>
    internal const int Met = 0;

    /// <summary>An aim was not met. With <c>--check</c> that is what must come out.</summary>
    internal const int NotMet = 1;

    /// <summary>The command line is wrong, or the filter matches nothing.</summary>
    internal const int Usage = 2;

    /// <summary>The runner is broken: it took the slowed operation for one that meets its aim.</summary>
    internal const int Broken = 3;

    internal static int Run(ReadOnlySpan<string> arguments)
    {
        switch (arguments)
        {
            case [StartUp.Argument, var kind]:
                StartUp.Run(kind);
                return Met;
            case [QuickRow.Argument, var row]:
                QuickRow.Run(Operations.All.Append(Operations.Slowed).First(operation => operation.Name == row));
                return Met;
        }

        string? json = null;
        Dictionary<string, QuickFigure>? before = null;
        string filter = "";
        bool check = false;
        while (!arguments.IsEmpty)
        {
            switch (arguments)
            {
                case ["--json", var file, ..]:
                    json = file;
                    arguments = arguments[2..];
                    break;
                case ["--against", var file, ..]:
                    try
                    {
                        before = QuickJson.Read(file);
                    }
                    catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
                    {
                        Console.Error.WriteLine($"{file}: {e.Message}");
                        return Usage;
                    }

                    arguments = arguments[2..];
                    break;
                case ["--filter", var text, ..]:
                    filter = text;
                    arguments = arguments[2..];
                    break;
                case ["--check", ..]:
                    check = true;
                    arguments = arguments[1..];
                    break;
                default:
                    Console.Error.WriteLine("usage: quick [--json FILE] [--against FILE] [--filter TEXT] [--check]");
                    Console.Error.WriteLine("exit code: 0 all aims met, 1 some aim not met, 2 usage, 3 --check took the slowed operation for one that meets its aim");
                    return Usage;
            }
        }

        Operation[] operations = check
            ? [Operations.Slowed]
            : [.. Operations.All.Where(operation => operation.Name.Contains(filter, StringComparison.OrdinalIgnoreCase))];
        if (operations.Length == 0)
        {
            Console.Error.WriteLine($"no operation has '{filter}' in its name");
            return Usage;
        }

        List<QuickResult> results = [.. operations.Select(QuickRow.Measure)];
        QuickReport.Print(results, NewConsole());
        if (json is not null)
        {
            QuickJson.Write(json, results);
        }

        if (before is not null)
        {
            QuickComparison.Print(results, before, Console.Out);
        }

        bool met = results.TrueForAll(static result => result.Met);
        if (check)
        {
            Console.WriteLine(met ? "check FAILED: a slowed operation passed as fast" : "check passed: the slowed operation was reported as not met");
            return met ? Broken : NotMet;
        }

        return met ? Met : NotMet;
    }

    private static IAnsiConsole NewConsole()
    {
        if (!Console.IsOutputRedirected)
        {
            return AnsiConsole.Console;
        }

        // No colors, and nobody knows how wide a pipe is: rows must not be broken.
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No });
        console.Profile.Width = 160;

        return console;
    }
}
