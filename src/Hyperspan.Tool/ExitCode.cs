namespace Hyperspan.Tool;

/// <summary>What the command returns to the shell.</summary>
internal static class ExitCode
{
    /// <summary>All went well; for a server, it was asked to end and did so in order.</summary>
    internal const int Success = 0;

    /// <summary>Something failed: a check, a verification, or the device while it served.</summary>
    internal const int Failure = 1;

    /// <summary>The command cannot be done as given. Nothing has been changed.</summary>
    internal const int BadInput = 2;

    /// <summary>Ctrl-C or a signal ended a command that was not to be ended.</summary>
    internal const int Interrupted = 130;
}
