namespace Hyperspan.Tool.Run;

/// <summary>The arguments of <c>hyperspan run</c>.</summary>
internal sealed record RunOptions
{
    internal required string Kernel { get; init; }

    internal string? Initrd { get; init; }

    internal string Append { get; init; } = "";

    internal ulong Memory { get; init; }

    internal int Processors { get; init; }

    internal IReadOnlyList<string> Disks { get; init; } = [];

    internal string Console { get; init; } = "stdio";

    internal string? VirtioConsole { get; init; }

    internal bool NoReboot { get; init; }

    internal bool Statistics { get; init; }
}
