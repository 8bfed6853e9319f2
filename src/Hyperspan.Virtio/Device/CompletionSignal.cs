using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio;

/// <summary>
/// Wakes the thread of a queue from its wait. A signal that comes while that thread works costs no system call: it is asked to look before it sleeps.
/// </summary>
internal sealed class CompletionSignal : IDisposable
{
    private SafeFileHandle? _event;
    private int _isSleeping;

    /// <summary>Gets the event to wait for besides others.</summary>
    /// <exception cref="IOException">There are too many open files.</exception>
    internal SafeHandle Event => _event ??= EventCounter.Create();

    /// <summary>Announces that the thread is going to wait for the event. It has to look for work once more between this and the wait.</summary>
    internal void BeginSleep()
    {
        _ = Event;

        // Full fence: seen by others before the thread looks. Without it both sides can miss each other.
        Interlocked.Exchange(ref _isSleeping, 1);
    }

    /// <summary>The thread works again.</summary>
    /// <param name="wasSignalled">Whether the event was found signalled.</param>
    internal void EndSleep(bool wasSignalled)
    {
        // Whoever took the flag back has written to the event, or will: that signal is for the next wait then, and does no harm.
        Interlocked.Exchange(ref _isSleeping, 0);
        if (wasSignalled)
        {
            Drain();
        }
    }

    /// <summary>Resets the event.</summary>
    internal void Drain() => EventCounter.Take(_event!);

    /// <summary>Signals, after what there is to do can be seen by other threads.</summary>
    internal void Signal()
    {
        // Full fence before it, by the caller's interlocked operation.
        if (Volatile.Read(ref _isSleeping) == 0 || Interlocked.Exchange(ref _isSleeping, 0) == 0)
        {
            return;
        }

        try
        {
            EventCounter.Signal(_event!);
        }
        catch (ObjectDisposedException)
        {
            // Nobody waits any more.
        }
    }

    public void Dispose() => _event?.Dispose();
}
