using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Virtio;

/// <summary>
/// Flushes for requests that wait for it, one flush at a time. What comes while one is under way waits for the next one, all of it together: the flush of a request begins after
/// the request, and so after each write that was completed before it.
/// </summary>
internal sealed class FlushQueue(Func<DiskResult> flush, DiskWorkers workers) : DiskJob
{
    private readonly Lock _gate = new();
    private BlockRequest? _first;
    private BlockRequest? _last;
    private bool _isUnderWay;

    /// <summary>Has a request flushed; it is told by <see cref="BlockRequest.EndStep"/>.</summary>
    internal void Begin(BlockRequest request)
    {
        lock (_gate)
        {
            request.NextFlush = null;
            if (_last is null)
            {
                _first = request;
            }
            else
            {
                _last.NextFlush = request;
            }

            _last = request;
            if (_isUnderWay)
            {
                return;
            }

            _isUnderWay = true;
        }

        try
        {
            workers.Run(this);
        }
        catch (OutOfMemoryException)
        {
            // No thread: the one that asks does it.
            Run();
        }
    }

    internal override void Run()
    {
        while (TryTakeAll(out BlockRequest? request))
        {
            DiskResult result = flush();
            while (request is not null)
            {
                // It belongs to its handler again once it is told.
                BlockRequest? next = request.NextFlush;
                request.EndStep(result);
                request = next;
            }
        }
    }

    private bool TryTakeAll([NotNullWhen(true)] out BlockRequest? first)
    {
        lock (_gate)
        {
            first = _first;
            _first = _last = null;
            return _isUnderWay = first is not null;
        }
    }
}
