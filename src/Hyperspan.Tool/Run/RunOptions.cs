namespace Hyperspan.Tool.Run;

/// <summary>The arguments of <c>hyperspan run</c>.</summary>
internal sealed record RunOptions
{
    internal string? Kernel { get; init; }

    /// <summary>Gets the snapshot of a machine to go on with, in place of a kernel.</summary>
    internal string? Restore { get; init; }

    /// <summary>Gets where the machine is saved when this process is asked to end.</summary>
    internal string? Save { get; init; }

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
