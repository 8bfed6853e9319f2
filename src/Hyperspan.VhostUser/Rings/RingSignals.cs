using Hyperspan.VhostUser.Interop;

namespace Hyperspan.VhostUser;

/// <summary>
/// The events by which a ring tells the front end something. The connection's thread exchanges them while a worker signals them: one that is closed meanwhile
/// is not signalled any more, and what is put in its place is signalled once, so that nothing is lost.
/// </summary>
internal sealed class RingSignals : IDisposable
{
    private EventDescriptor? _call;
    private EventDescriptor? _error;
    private bool _isSignalling;

    /// <summary>Gets a value indicating whether a worker is signalling at this moment.</summary>
    internal bool IsSignalling => Volatile.Read(ref _isSignalling);

    internal void SetCall(EventDescriptor? call)
    {
        Interlocked.Exchange(ref _call, call)?.Dispose();

        // The old event may have been signalled by a worker, or by an earlier back end, when nobody was to look at it any more. One notification too many does no harm.
        call?.SignalSupervised();
    }

    internal void SetError(EventDescriptor? error) => Interlocked.Exchange(ref _error, error)?.Dispose();

    /// <summary>Notifies the guest.</summary>
    /// <returns>Whether there was an event to signal.</returns>
    internal bool Call()
    {
        EventDescriptor? call = Volatile.Read(ref _call);
        Signal(call);
        return call is not null;
    }

    internal void Error() => Signal(Volatile.Read(ref _error));

    /// <summary>Lets a worker go on that a hostile front end keeps in signalling: a full event made blocking. <see cref="Restore"/> must follow.</summary>
    internal void Unblock()
    {
        Volatile.Read(ref _call)?.UnblockWriter();
        Volatile.Read(ref _error)?.UnblockWriter();
    }

    /// <summary>Signals again what <see cref="Unblock"/> may have taken away from a front end that is honest, while a request merely took long.</summary>
    internal void Restore(bool isBroken)
    {
        Volatile.Read(ref _call)?.SignalSupervised();
        if (isBroken)
        {
            Volatile.Read(ref _error)?.SignalSupervised();
        }
    }

    private void Signal(EventDescriptor? target)
    {
        Volatile.Write(ref _isSignalling, true);
        target?.Signal();
        Volatile.Write(ref _isSignalling, false);
    }

    public void Dispose()
    {
        SetCall(null);
        SetError(null);
    }
}
