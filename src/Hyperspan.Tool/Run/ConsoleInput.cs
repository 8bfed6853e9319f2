using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Tool.Run;

/// <summary>
/// Passes on what is typed where a console leads to the guest, on a thread of its own. Nothing is dropped while its sender is there and the machine runs: where the guest does not
/// take it, the sender waits.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A source without a timer and a wait handle holds nothing of the system's.")]
internal sealed class ConsoleInput
{
    // A sender that has gone is looked for this often.
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    private readonly IConsoleEndPoint _console;

    // Guards what follows, and is told when it changes.
    private readonly object _gate = new();
    private Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask>? _receiver;
    private CancellationTokenSource _change = new();

    /// <summary>Starts. The end point stays the caller's; the thread ends when it is disposed.</summary>
    /// <param name="console">Where it comes from.</param>
    internal ConsoleInput(IConsoleEndPoint console)
    {
        _console = console;
        new Thread(Read) { IsBackground = true, Name = "console input" }.Start();
    }

    /// <summary>Leads the input to another receiver, or to none, which makes it wait. What the one before has been given and has not taken is lost with it.</summary>
    /// <param name="receiver">Gives bytes to the guest, and waits while it does not take them.</param>
    internal void LeadTo(Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask>? receiver)
    {
        CancellationTokenSource before;
        lock (_gate)
        {
            before = _change;
            (_receiver, _change) = (receiver, new CancellationTokenSource());
            Monitor.PulseAll(_gate);
        }

        before.Cancel();
    }

    private void Read()
    {
        byte[] buffer = new byte[4096];
        while (_console.Read(buffer) is > 0 and var count)
        {
            Pass(buffer.AsMemory(0, count));
        }
    }

    private void Pass(ReadOnlyMemory<byte> data)
    {
        Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> receiver;
        CancellationTokenSource end;
        lock (_gate)
        {
            while (_receiver is null)
            {
                Monitor.Wait(_gate);
            }

            receiver = _receiver;
            end = CancellationTokenSource.CreateLinkedTokenSource(_change.Token);
        }

        using (end)
        {
            Task given = receiver(data, end.Token).AsTask();
            while (Task.WaitAny([given], Beat) < 0)
            {
                if (_console.HasSenderGone)
                {
                    end.Cancel();
                }
            }
        }
    }
}
