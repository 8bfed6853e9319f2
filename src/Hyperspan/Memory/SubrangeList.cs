using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>The subranges that are closed with a memory. It does not keep them alive. Thread-safe, and no interrupt ends a call half way.</summary>
internal sealed class SubrangeList
{
    private readonly Lock _lock = new();
    private readonly List<WeakReference<GuestMemory>> _subranges = [];

    internal void Add(GuestMemory subrange)
    {
        var reference = new WeakReference<GuestMemory>(subrange);
        using (UninterruptedLock.Enter(_lock))
        {
            // Subranges that have been collected leave their entry behind; drop them whenever the list would grow.
            if (_subranges.Count == _subranges.Capacity)
            {
                _subranges.RemoveAll(static reference => !reference.TryGetTarget(out _));
                _subranges.EnsureCapacity(2 * _subranges.Count);
            }

            _subranges.Add(reference);
        }
    }

    /// <summary>Adds those that are still there to what is to be closed.</summary>
    internal void AddTo(Stack<GuestMemory> open)
    {
        using (UninterruptedLock.Enter(_lock))
        {
            foreach (WeakReference<GuestMemory> reference in _subranges)
            {
                if (reference.TryGetTarget(out GuestMemory? subrange))
                {
                    open.Push(subrange);
                }
            }
        }
    }
}
