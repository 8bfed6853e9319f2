using System.Runtime.InteropServices;

namespace Hyperspan.Tool.Output;

/// <summary>Turns the signals that ask a process to end into a token, so that it can end in order. A second one ends it at once.</summary>
internal sealed class Termination : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Action? _atOnce;
    private readonly Action? _first;

    /// <summary>Initializes a new instance of the <see cref="Termination"/> class.</summary>
    /// <param name="atOnce">What is still done when the process ends at once; quick.</param>
    /// <param name="first">What is done at the first signal, before the token is cancelled; quick.</param>
    internal Termination(Action? atOnce = null, Action? first = null)
    {
        _atOnce = atOnce;
        _first = first;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGQUIT, OnSignal),
        ];
    }

    /// <summary>Gets the token that is cancelled by the first signal.</summary>
    internal CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        if (_source.IsCancellationRequested)
        {
            // Not cancelled: the system's own answer to the signal follows.
            _atOnce?.Invoke();
            return;
        }

        context.Cancel = true;
        _first?.Invoke();
        try
        {
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It came as the process was ending by itself.
        }
    }
}
