using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;

using Hyperspan.Tool.Output;

namespace Hyperspan.Tool.CommandLine;

/// <summary>All commands, and what is the same for each of them: help, wrong arguments, unexpected failures.</summary>
internal static class CommandTree
{
    private const string ServeName = "serve";
    private const string Suggestions = "[suggest:";

    // A name that begins with @ is a name: not that of a file with arguments.
    private static readonly ParserConfiguration ParserOptions = new() { ResponseFileTokenReplacer = null };

    internal static int Run(string[] arguments)
    {
        try
        {
            return ParseAndRun(arguments);
        }
        catch (InvalidInputException e)
        {
            Terminal.Error(e.Message);
            return ExitCode.BadInput;
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException or GuestMemoryMappingException)
        {
            Terminal.Error(e.Message);
            return ExitCode.Failure;
        }
        catch (Exception e) when (e is OutOfMemoryException or ThreadStartException or TaskSchedulerException)
        {
            Terminal.Error("no more threads (RLIMIT_NPROC, pids of the control group) or open files (RLIMIT_NOFILE) are allowed here, or memory is short");
            return ExitCode.Failure;
        }
        catch (Exception e) when (e is not GuestMemoryException)
        {
            // Nobody has thought of it: still a line, and an exit code that is not that of a crash.
            Terminal.Error($"this should not have happened: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
            return ExitCode.Failure;
        }
    }

    private static int ParseAndRun(string[] arguments)
    {
        if (BackEndConvention.IsQuestion(arguments))
        {
            Console.Out.WriteLine(BackEndConvention.Capabilities);
            return ExitCode.Success;
        }

        RequireText(arguments);
        string[] complete = BackEndConvention.Complete(arguments);
        RequireSuggestions(complete);
        RootCommand root = Create(complete is [ServeName, ..]);
        ParseResult result = root.Parse(complete, ParserOptions);
        if (result.Action is ParseErrorAction)
        {
            foreach (string message in result.Errors.Select(MessageOf).Distinct(StringComparer.Ordinal))
            {
                Terminal.Error(message);
            }

            Terminal.WriteError($"Try '{PathOf(result.CommandResult.Command)} --help'.");
            return ExitCode.BadInput;
        }

        // Signals are the commands' own business: each knows what it has to put in order.
        return result.Invoke(CreateInvocation());
    }

    private static InvocationConfiguration CreateInvocation() => new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };

    /// <summary>Refuses names that are no text: .NET has read others, which may be those of other files.</summary>
    private static void RequireText(string[] arguments)
    {
        if (!OperatingSystem.IsLinux() || Array.Find(arguments, static word => word.Contains('\ufffd', StringComparison.Ordinal)) is not { } replaced)
        {
            return;
        }

        byte[] given;
        try
        {
            given = File.ReadAllBytes("/proc/self/cmdline");
        }
        catch (IOException)
        {
            return;
        }

        if (!System.Text.Unicode.Utf8.IsValid(given))
        {
            throw new InvalidInputException($"{replaced}: is no UTF-8, in which names of files are given here");
        }
    }

    /// <summary>Refuses a question for completions at no place.</summary>
    private static void RequireSuggestions(string[] arguments)
    {
        if (arguments is [{ } first, ..] && first.StartsWith(Suggestions, StringComparison.Ordinal) && first.EndsWith(']')
            && !int.TryParse(first.AsSpan(Suggestions.Length..^1), NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            throw new InvalidInputException($"{first}: is no place in a command line");
        }
    }

    /// <summary>Says in a line what was given instead of a number, without the name of a type of .NET, and instead of one of some words.</summary>
    private static string MessageOf(ParseError error)
    {
        if (error.Message.Split('\n', StringSplitOptions.TrimEntries) is [_, _, ..] lines && error.SymbolResult is { Tokens: [.., { Value: string word }] } symbol)
        {
            string name = symbol switch
            {
                OptionResult one => one.Option.Name,
                ArgumentResult { Parent: OptionResult one } => one.Option.Name,
                ArgumentResult one => one.Argument.HelpName ?? one.Argument.Name,
                _ => "",
            };
            return $"{name}: '{word}' is none of {string.Join(", ", lines.Skip(1).Select(static line => line.Trim('\'')))}.";
        }

        return error.SymbolResult is OptionResult { Tokens: [{ Value: string text }] } option && NumberOf(option.Option.ValueType)
            && error.Message.Contains(option.Option.ValueType.ToString(), StringComparison.Ordinal)
            ? $"{option.Option.Name}: '{text}' is no whole number that is small enough."
            : error.Message;

        static bool NumberOf(Type type) => type == typeof(int) || type == typeof(int?);
    }

    /// <summary>Makes the commands.</summary>
    /// <param name="servesOnly">Whether a server is to be started, which takes a few milliseconds: then the other commands are left out.</param>
    private static RootCommand Create(bool servesOnly)
    {
        var serve = new DocumentedCommand(ServeName, "Serve a device to a virtual machine.") { BlockCommand.Create(), EntropyCommand.Create(), ConsoleCommand.Create() };
        var root = new RootCommand("Guest memory for virtual machines: serve devices out of it, save it, see it work, check this machine.");
        serve.SetAction(_ => ShowHelp(root, ServeName));
        if (servesOnly)
        {
            root.Add(serve);
        }
        else
        {
            AddAll(root, serve);
        }

        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new ExampleHelpAction((HelpAction)help.Action!);
        return root;
    }

    private static void AddAll(RootCommand root, Command serve)
    {
        Command snapshot = SnapshotCommand.Create();
        Command dump = DumpCommand.Create();
        root.Add(DemoCommand.Create());
        root.Add(serve);
        root.Add(snapshot);
        root.Add(dump);
        root.Add(RunCommand.Create());
        root.Add(TopCommand.Create());
        root.Add(DoctorCommand.Create());
        root.Add(CompletionCommand.Create());
        root.Add(ManualCommand.Create(root));
        snapshot.SetAction(_ => ShowHelp(root, "snapshot"));
        dump.SetAction(_ => ShowHelp(root, "dump"));
        root.SetAction(_ => ShowHelp(root));
    }

    /// <summary>The words that lead to a command.</summary>
    internal static string PathOf(Command command)
    {
        var words = new List<string>();
        for (Symbol? symbol = command; symbol is not null; symbol = symbol.Parents.FirstOrDefault())
        {
            words.Insert(0, symbol is RootCommand ? "hyperspan" : symbol.Name);
        }

        return string.Join(' ', words);
    }

    private static int ShowHelp(RootCommand root, params string[] path)
    {
        root.Parse([.. path, "--help"], ParserOptions).Invoke(CreateInvocation());
        return ExitCode.BadInput;
    }
}
