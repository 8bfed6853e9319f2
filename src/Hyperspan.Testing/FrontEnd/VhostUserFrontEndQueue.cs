using System.Diagnostics;
using Hyperspan.VhostUser.Interop;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Testing;

/// <summary>The events of one queue, on the side of the front end.</summary>
[DebuggerDisplay("queue {Index}, {Calls} calls")]
public sealed class VhostUserFrontEndQueue : IDisposable
{
    internal VhostUserFrontEndQueue(int index)
    {
        Index = index;
        KickEvent = EventDescriptor.Create();
        try
        {
            CallEvent = EventDescriptor.Create();
            ErrorEvent = EventDescriptor.Create();
        }
        catch
        {
            KickEvent.Dispose();
            CallEvent?.Dispose();
            throw;
        }
    }

    /// <summary>Gets the queue's index.</summary>
    public int Index { get; }

    /// <summary>Gets how often the back end has notified, as far as it was waited for.</summary>
    public long Calls { get; private set; }

    internal EventDescriptor KickEvent { get; }

    internal EventDescriptor CallEvent { get; }

    internal EventDescriptor ErrorEvent { get; }

    /// <summary>Gets the event that says that there is something to do.</summary>
    public SafeFileHandle KickHandle => KickEvent.Handle;

    /// <summary>Gets the event by which the back end says that something is done.</summary>
    public SafeFileHandle CallHandle => CallEvent.Handle;

    /// <summary>Tells the back end that there is something to do.</summary>
    public void Kick() => KickEvent.Signal();

    /// <summary>Waits until the back end says that something is done.</summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <returns>Whether it did.</returns>
    public bool WaitForCall(TimeSpan timeout)
    {
        if (!WaitFor(CallEvent, timeout))
        {
            return false;
        }

        CallEvent.Drain();
        Calls++;
        return true;
    }

    /// <summary>Waits until the back end says that the queue is broken.</summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <returns>Whether it did.</returns>
    public bool WaitForError(TimeSpan timeout) => WaitFor(ErrorEvent, timeout);

    /// <summary>Closes the events. The back end keeps its own descriptors of them.</summary>
    public void Dispose()
    {
        KickEvent.Dispose();
        CallEvent.Dispose();
        ErrorEvent.Dispose();
    }

    private static bool WaitFor(EventDescriptor what, TimeSpan timeout) =>
        Waiting.ForEvent(what, timeout);
}
