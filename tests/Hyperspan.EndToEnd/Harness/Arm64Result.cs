namespace Hyperspan.EndToEnd.Harness;

/// <summary>How a program ended in an arm64 machine.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ExitCode">Its exit code; one killed by signal n has 128 + n.</param>
/// <param name="Output">What it printed.</param>
/// <param name="Ended">Seconds from the start of the machine to its end.</param>
internal readonly record struct Arm64Result(string Name, int ExitCode, string Output, double Ended);
