namespace Hyperspan;

/// <summary>
/// Somebody else who writes to memory and keeps a log of his own of that: a hypervisor for its guest's processors, another process. A <see cref="DirtyLog"/> to which it was
/// added names what both know of.
/// </summary>
/// <remarks>A source may be added to several logs, which start, ask and stop it independently. Its members are called from any thread, also several at once.</remarks>
public interface IDirtySource
{
    /// <summary>Begins to note writes, or counts that one more log asks. A write that happens after this returns is reported by a later <see cref="ReportWrites"/>.</summary>
    void BeginLogging();

    /// <summary>
    /// Reports what was written since the last report, by <see cref="GuestMemoryBacking.ReportWritten"/>, and notes anew. Each page in one step: a write that happened before
    /// this was called is reported when it returns, one that runs meanwhile by this or the next report.
    /// </summary>
    /// <remarks>What it throws reaches the caller of <see cref="DirtyLog.Collect"/>; what was reported before that is in the next collection.</remarks>
    void ReportWrites();

    /// <summary>Ends what <see cref="BeginLogging"/> began: the last one ends the noting of writes.</summary>
    void EndLogging();
}
