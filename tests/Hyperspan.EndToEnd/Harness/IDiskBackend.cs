namespace Hyperspan.EndToEnd.Harness;

/// <summary>A process that serves one image to one guest by vhost-user on a Unix socket.</summary>
internal interface IDiskBackend : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Where the guest's machine connects.</summary>
    string SocketPath { get; }

    /// <summary>What every process of this back end printed, one after the other.</summary>
    string Log { get; }

    /// <summary>What the present process has used of the processors, in user and kernel mode.</summary>
    TimeSpan ProcessorTime { get; }

    /// <summary>Starts the process and returns once its socket listens. Also starts it again after it was killed.</summary>
    Task StartAsync();

    /// <summary>Holds the process where it is; none of its threads runs when this returns.</summary>
    Task SuspendAsync();

    /// <summary>Lets a suspended process go on.</summary>
    void Resume();

    /// <summary>Ends the process without any chance to tidy up.</summary>
    Task KillAsync();

    /// <summary>Asks the process to end, as Ctrl-C does, and returns its exit code.</summary>
    Task<int> StopAsync();
}
