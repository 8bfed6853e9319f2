using Hyperspan.Interop.Linux;

namespace Hyperspan.Tool.Serve;

/// <summary>Ends the process when it has been asked to end and does not, whatever hangs: a file system, a peer, a device.</summary>
internal sealed class EndLimit(ServerLog log)
{
    // With the second in which the log may be read, well below ten.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(8);

    private volatile string _doing = "serving";
    private int _isStarted;

    /// <summary>Says what is being done, for whoever reads that it was not finished.</summary>
    internal void Enter(string doing) => _doing = doing;

    /// <summary>Starts to count. Returns at once.</summary>
    internal void Start()
    {
        if (Interlocked.Exchange(ref _isStarted, 1) == 0)
        {
            new Thread(End) { IsBackground = true, Name = "end limit" }.Start();
        }
    }

    private void End()
    {
        Thread.Sleep(Limit);
        log.Write($"ended by force, {Limit.TotalSeconds} seconds after it was asked to: still {_doing}; what was not flushed may be lost", isError: true);
        log.Dispose();

        // Not by way of the runtime: that, too, could wait for what hangs.
        LibC.ExitGroup(ExitCode.Failure);
    }
}
