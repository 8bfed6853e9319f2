using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>
/// Lets one flush at a time through, and none after the first that failed: the system reports a failed writeback once and drops the pages, so a later success would say
/// nothing about them.
/// </summary>
internal sealed class FlushGate(Func<DiskResult> flush)
{
    // One at a time: of two that overlap, the system tells only one of the failure.
    private readonly Lock _gate = new();
    private DiskResult _failure;

    /// <summary>Flushes, or gives the failure of the flush that was the last.</summary>
    internal DiskResult Flush()
    {
        lock (_gate)
        {
            if (!_failure.Succeeded)
            {
                return _failure;
            }

            // Should it throw, that is what is remembered.
            _failure = DiskResult.FromErrorNumber(ErrorNumber.InputOutput);
            return _failure = flush();
        }
    }
}
