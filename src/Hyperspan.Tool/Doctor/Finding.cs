namespace Hyperspan.Tool.Doctor;

/// <summary>What a probe found.</summary>
/// <param name="Status">How it came out.</param>
/// <param name="Found">What was found, in a few words.</param>
internal readonly record struct Finding(CheckStatus Status, string Found)
{
    internal static Finding Ok(string found) => new(CheckStatus.Ok, found);

    internal static Finding Limited(string found) => new(CheckStatus.Limited, found);

    internal static Finding Missing(string found) => new(CheckStatus.Missing, found);
}
