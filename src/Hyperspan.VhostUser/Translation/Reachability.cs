namespace Hyperspan.VhostUser;

/// <summary>What is known of the translations of a range.</summary>
internal enum Reachability
{
    /// <summary>Some have been asked for, and have not come.</summary>
    Asked,

    /// <summary>Some are missing, and no more can be asked for now.</summary>
    Full,

    /// <summary>All are there.</summary>
    Translated,

    /// <summary>One is refused, or did not come in time: an access fails.</summary>
    Refused,
}
