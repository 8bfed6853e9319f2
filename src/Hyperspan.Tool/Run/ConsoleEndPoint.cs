using Hyperspan.Tool.Output;

namespace Hyperspan.Tool.Run;

/// <summary>Where a console leads, by the words for it.</summary>
internal static class ConsoleEndPoint
{
    internal const string Standard = "stdio";
    internal const string PseudoTerminal = "pty";
    internal const string Unix = "unix:";

    /// <summary>Opens it. What a user needs to know of it is written to standard error.</summary>
    /// <exception cref="InvalidInputException">It cannot be made.</exception>
    internal static IConsoleEndPoint Open(string where)
    {
        if (where == Standard)
        {
            return new StandardConsole();
        }

        if (where == PseudoTerminal)
        {
            var terminal = new PseudoTerminalConsole();
            Terminal.WriteError($"console: {terminal.Path}");
            return terminal;
        }

        return new SocketConsole(where[Unix.Length..]);
    }
}
