using System.Collections.Concurrent;

namespace Hyperspan.VhostUser.Tests;

internal sealed class EventLog
{
    private readonly ConcurrentQueue<VhostUserEvent> _events = [];

    internal IEnumerable<VhostUserEvent> Events => _events;

    internal void Add(VhostUserEvent what) => _events.Enqueue(what);

    internal int Count(VhostUserEventKind kind) => _events.Count(what => what.Kind == kind);

    public override string ToString() => string.Join('\n', _events);
}
