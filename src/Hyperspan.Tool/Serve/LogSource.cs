using Hyperspan.VhostUser;

namespace Hyperspan.Tool.Serve;

/// <summary>One of those whose lines are in a log: with its name where there are several, and a share of its own in how many lines there may be.</summary>
internal sealed class LogSource
{
    // What a peer can cause as often as it likes: so many lines at once, and so many a second.
    private const int EventBurst = 100;
    private const int EventsPerSecond = 10;

    private readonly ServerLog _log;
    private readonly string _prefix;
    private readonly LineBudget _budget = new(EventBurst, EventsPerSecond, TimeProvider.System);

    /// <summary>Initializes a new instance of the <see cref="LogSource"/> class.</summary>
    /// <param name="log">The log.</param>
    /// <param name="name">What its lines begin with; empty where there is only one.</param>
    internal LogSource(ServerLog log, string name = "")
    {
        _log = log;
        _prefix = name.Length == 0 ? "" : name + ": ";
    }

    /// <summary>Writes what happened, unless too much of it happens.</summary>
    internal void Add(VhostUserEvent what)
    {
        if (_budget.TryTake())
        {
            Write(what.ToString(), what.IsError);
        }
        else
        {
            _log.Drop();
        }
    }

    /// <summary>Writes a line.</summary>
    internal void Write(string text, bool isError = false) => _log.Write(_prefix + text, isError);
}
