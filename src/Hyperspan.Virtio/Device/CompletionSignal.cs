using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio;

/// <summary>
/// Wakes the thread of a queue from its wait. A signal that comes while that thread works costs no system call: it is asked to look before it sleeps.
/// </summary>
internal sealed unsafe class CompletionSignal : IDisposable
{
    private SafeFileHandle? _event;
    private int _isSleeping;

    /// <summary>Gets the event to wait for besides others.</summary>
    /// <exception cref="IOException">There are too many open files.</exception>
    internal SafeHandle Event
    {
        get
        {
            if (_event is null)
            {
                int descriptor = LibC.Eventfd(0, OpenFlags.CloseOnExec | OpenFlags.NonBlocking);
                _event = descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw new IOException($"eventfd: {ErrorNumber.LastMessage}");
            }

            return _event;
        }
    }

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
    internal void Drain()
    {
        ulong count;

        // SAFETY: eight bytes of this stack. One that is not signalled does not wait.
        _ = LibC.Read(_event!, &count, sizeof(ulong));
    }

    /// <summary>Signals, after what there is to do can be seen by other threads.</summary>
    internal void Signal()
    {
        // Full fence before it, by the caller's interlocked operation.
        if (Volatile.Read(ref _isSleeping) == 0 || Interlocked.Exchange(ref _isSleeping, 0) == 0)
        {
            return;
        }

        ulong one = 1;
        try
        {
            // SAFETY: eight bytes of this stack. One that is full is signalled.
            while (LibC.Write(_event!, &one, sizeof(ulong)) < 0 && Marshal.GetLastPInvokeError() == ErrorNumber.Interrupted)
            {
            }
        }
        catch (ObjectDisposedException)
        {
            // Nobody waits any more.
        }
    }

    public void Dispose() => _event?.Dispose();
}
