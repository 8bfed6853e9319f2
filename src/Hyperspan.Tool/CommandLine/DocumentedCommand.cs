using System.CommandLine;

namespace Hyperspan.Tool.CommandLine;

/// <summary>A command whose help has examples and exit codes.</summary>
internal sealed class DocumentedCommand(string name, string description) : Command(name, description)
{
    /// <summary>Gets command lines, each with what it does.</summary>
    internal IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; init; } = [];

    /// <summary>Gets exit codes, each with its meaning.</summary>
    internal IReadOnlyList<(int Code, string Meaning)> ExitCodes { get; init; } = [];
}
