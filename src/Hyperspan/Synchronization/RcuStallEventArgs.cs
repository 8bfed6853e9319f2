using System.Diagnostics;

namespace Hyperspan.Synchronization;

/// <summary>Says which reader holds up a writer, and since when.</summary>
[DebuggerDisplay("thread {ThreadId} ({ThreadName}), {Waited}")]
public sealed class RcuStallEventArgs : EventArgs
{
    internal RcuStallEventArgs(Thread thread, TimeSpan waited)
    {
        ThreadId = thread.ManagedThreadId;
        ThreadName = thread.Name;
        Waited = waited;
    }

    /// <summary>The managed id of the thread whose section does not end (<see cref="Thread.ManagedThreadId"/>).</summary>
    public int ThreadId { get; }

    /// <summary>The name of that thread; null when it has none.</summary>
    public string? ThreadName { get; }

    /// <summary>How long the writer has waited. The section is running for at least that long.</summary>
    public TimeSpan Waited { get; }
}
