namespace Hyperspan.TestHost;

/// <summary>Exit codes scenarios share. Anything else is a crash or the scenario's own.</summary>
public static class ScenarioExit
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;

    /// <summary>The machine lacks something; the reason is on standard output. The test is skipped.</summary>
    public const int Unavailable = 3;
}
