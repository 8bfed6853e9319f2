namespace Hyperspan.Virtio;

/// <summary>Requests that the image failed and that are to be tried again: while there is one, the device is stopped. Thread-safe.</summary>
internal sealed class HeldRequests
{
    private readonly Lock _lock = new();
    private readonly List<BlockRequest> _requests = [];
    private bool _isStopped;

    internal bool IsStopped => Volatile.Read(ref _isStopped);

    /// <summary>Holds one.</summary>
    /// <returns>Whether it is the one that stops the device.</returns>
    internal bool Add(BlockRequest request)
    {
        lock (_lock)
        {
            _requests.Add(request);
            bool isFirst = !_isStopped;
            Volatile.Write(ref _isStopped, true);
            return isFirst;
        }
    }

    /// <summary>Has those tried again that a condition holds for, or given up.</summary>
    /// <returns>Whether that ends the stop.</returns>
    internal bool Release(Predicate<BlockRequest> which, bool giveUp)
    {
        lock (_lock)
        {
            foreach (BlockRequest request in _requests.FindAll(which))
            {
                _requests.Remove(request);
                request.IsGivenUp = giveUp;
                request.EndStep(DiskResult.Success);
            }

            bool isOver = _isStopped && _requests.Count == 0;
            Volatile.Write(ref _isStopped, _requests.Count != 0);
            return isOver;
        }
    }
}
