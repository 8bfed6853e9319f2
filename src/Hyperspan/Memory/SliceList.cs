using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>The slices that are closed with a memory. It does not keep them alive. Thread-safe, and no interrupt ends a call half way.</summary>
internal sealed class SliceList
{
    private readonly Lock _lock = new();
    private readonly List<WeakReference<GuestMemory>> _slices = [];

    internal void Add(GuestMemory slice)
    {
        var reference = new WeakReference<GuestMemory>(slice);
        using (UninterruptedLock.Enter(_lock))
        {
            // Slices that have been collected leave their entry behind; drop them whenever the list would grow.
            if (_slices.Count == _slices.Capacity)
            {
                _slices.RemoveAll(static reference => !reference.TryGetTarget(out _));
                _slices.EnsureCapacity(2 * _slices.Count);
            }

            _slices.Add(reference);
        }
    }

    /// <summary>Adds those that are still there to what is to be closed.</summary>
    internal void AddTo(Stack<GuestMemory> open)
    {
        using (UninterruptedLock.Enter(_lock))
        {
            foreach (WeakReference<GuestMemory> reference in _slices)
            {
                if (reference.TryGetTarget(out GuestMemory? slice))
                {
                    open.Push(slice);
                }
            }
        }
    }
}
