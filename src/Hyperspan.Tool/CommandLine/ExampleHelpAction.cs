using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

using Hyperspan.Tool.Output;

namespace Hyperspan.Tool.CommandLine;

/// <summary>Adds examples and exit codes to the help of a command.</summary>
internal sealed class ExampleHelpAction(HelpAction inner) : SynchronousCommandLineAction
{
    private static readonly (string CommandLine, string Purpose)[] RootExamples =
    [
        ("hyperspan demo", "See a device serve a guest, in a few seconds, with nothing installed."),
        ("hyperspan serve block --socket /tmp/disk.sock --image disk.img", "Serve a disk image to QEMU."),
        ("hyperspan doctor", "See what this machine offers."),
    ];

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        inner.MaxWidth = Terminal.HelpWidth;
        int code = inner.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        Command command = parseResult.CommandResult.Command;
        var documented = command as DocumentedCommand;
        Write(output, command is RootCommand ? RootExamples : documented?.Examples ?? []);
        if (documented?.ExitCodes is { Count: > 0 } codes)
        {
            output.WriteLine("Exit codes:");
            foreach ((int number, string meaning) in codes)
            {
                output.WriteLine($"  {number,3}  {meaning}");
            }

            output.WriteLine();
        }

        return code;
    }

    private static void Write(TextWriter output, IReadOnlyList<(string CommandLine, string Purpose)> examples)
    {
        if (examples.Count == 0)
        {
            return;
        }

        output.WriteLine("Examples:");
        foreach ((string line, string purpose) in examples)
        {
            output.WriteLine($"  {line}");
            output.WriteLine($"      {purpose}");
        }

        output.WriteLine();
    }
}
