using System.Diagnostics.CodeAnalysis;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Tool.Serve;

/// <summary>Ends the process when it has been asked to end and does not, whatever hangs: a file system, a peer, a device.</summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as the process, and its thread waits for the event.")]
internal sealed class EndLimit
{
    // With the second in which the log may be read, well below ten.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(8);

    private readonly ServerLog _log;
    private readonly ManualResetEventSlim _start = new();
    private readonly List<string> _doing = [];

    /// <summary>Initializes a new instance of the <see cref="EndLimit"/> class.</summary>
    internal EndLimit(ServerLog log) => _log = log;

    /// <summary>Makes its thread, before anything is served: later there may be too many. Not earlier: a socket is not to wait for it.</summary>
    internal void Prepare() => new Thread(End) { IsBackground = true, Name = "end limit" }.Start();

    /// <summary>Says what is being done, for whoever reads that it was not finished: besides serving.</summary>
    internal void Enter(string doing)
    {
        lock (_doing)
        {
            _doing.Add(doing);
        }
    }

    /// <summary>Says that this is done.</summary>
    internal void Leave(string doing)
    {
        lock (_doing)
        {
            _doing.Remove(doing);
        }
    }

    /// <summary>Starts to count, once it is prepared. Returns at once.</summary>
    internal void Start() => _start.Set();

    private void End()
    {
        _start.Wait();
        Thread.Sleep(Limit);
        string doing;
        lock (_doing)
        {
            doing = _doing.Count == 0 ? "serving" : string.Join(", ", _doing);
        }

        _log.Write($"ended by force, {Limit.TotalSeconds} seconds after it was asked to: still {doing}; what was not flushed may be lost", isError: true);
        _log.Dispose();

        // Not by way of the runtime: that, too, could wait for what hangs.
        LibC.ExitGroup(ExitCode.Failure);
    }
}
