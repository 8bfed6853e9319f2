namespace Hyperspan.Kvm;

/// <summary>Undoes something once: when it is disposed, or when the partition is that it was made for.</summary>
internal sealed class Registration(Action undo) : IDisposable
{
    private Action? _undo = undo;

    /// <summary>Gets what forgets it, where somebody keeps it.</summary>
    internal Action<Registration>? OnEnd { get; init; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _undo, null) is { } undo)
        {
            OnEnd?.Invoke(this);
            undo();
        }
    }
}
