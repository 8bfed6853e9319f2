namespace Hyperspan.Tool.Doctor;

/// <summary>What a probe found.</summary>
internal readonly struct Finding
{
    private Finding(CheckStatus status, string found)
    {
        Status = status;
        Found = found;
    }

    /// <summary>Gets how it came out.</summary>
    internal CheckStatus Status { get; }

    /// <summary>Gets what was found, in a few words.</summary>
    internal string Found { get; }

    internal static Finding Ok(string found) => new(CheckStatus.Ok, found);

    internal static Finding Limited(string found) => new(CheckStatus.Limited, found);

    internal static Finding Missing(string found) => new(CheckStatus.Missing, found);
}
