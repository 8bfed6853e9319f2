using Hyperspan.EndToEnd.Harness;

namespace Hyperspan.EndToEnd;

/// <summary>Which back ends a scenario runs against.</summary>
public static class Servers
{
    /// <summary>Whether HYPERSPAN_E2E_REFERENCE=1 asks if a failure is the harness's.</summary>
    public static bool IsReferenceAsked { get; } = Environment.GetEnvironmentVariable("HYPERSPAN_E2E_REFERENCE") is "1" or "true";

    /// <summary>Ours, and the reference too where that is asked for.</summary>
    public static TheoryData<DiskServer> Ours { get; } =
        IsReferenceAsked
            ? [DiskServer.Hyperspan, DiskServer.StorageDaemon]
            : [DiskServer.Hyperspan];

    /// <summary>Ours and always the reference.</summary>
    public static TheoryData<DiskServer> Both { get; } = [DiskServer.Hyperspan, DiskServer.StorageDaemon];
}
