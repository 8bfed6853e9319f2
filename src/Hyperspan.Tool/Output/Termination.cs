using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hyperspan.Tool.Output;

/// <summary>Turns the signals that ask a process to end into a token, so that it can end in order. A second one, later, ends it at once.</summary>
internal sealed class Termination : IDisposable
{
    // One request to end may come twice: timeout(1) sends it to the process and to its group, of which the process is one.
    private static readonly TimeSpan SameRequest = TimeSpan.FromMilliseconds(500);

    // SIGUSR1, SIGUSR2, SIGALRM, SIGSTKFLT, SIGXCPU, SIGVTALRM, SIGPROF, SIGPOLL and SIGPWR (signal(7)), which .NET has no names for. Whoever sends one ends a process too.
    private static readonly int[] Deadly = [10, 12, 14, 16, 24, 26, 27, 29, 30];

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Action? _atOnce;
    private readonly Action? _first;
    private long _asked;

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
            .. atOnce is null || !OperatingSystem.IsLinux() ? [] : Deadly.Select(number => PosixSignalRegistration.Create((PosixSignal)number, _ => atOnce())),
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
        long now = Stopwatch.GetTimestamp();
        long before = Interlocked.CompareExchange(ref _asked, now, 0);
        if (before != 0)
        {
            if (Stopwatch.GetElapsedTime(before, now) < SameRequest)
            {
                context.Cancel = true;
                return;
            }

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
