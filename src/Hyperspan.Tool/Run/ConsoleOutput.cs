namespace Hyperspan.Tool.Run;

/// <summary>Passes on what a guest sends to where its console leads, on a thread of its own.</summary>
internal sealed class ConsoleOutput : IDisposable
{
    // What is left of the output has this long to go where it goes.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Func<Memory<byte>, CancellationToken, ValueTask<int>> _read;
    private readonly IConsoleEndPoint _console;
    private readonly CancellationTokenSource _ended = new();
    private readonly Thread _writer;

    /// <summary>Starts.</summary>
    /// <param name="read">Waits for what the guest sends, and takes it.</param>
    /// <param name="console">Where it goes. It stays the caller's.</param>
    internal ConsoleOutput(Func<Memory<byte>, CancellationToken, ValueTask<int>> read, IConsoleEndPoint console)
    {
        _read = read;
        _console = console;
        _writer = new Thread(Write) { IsBackground = true, Name = "console output" };
        _writer.Start();
    }

    /// <summary>Ends when all that the guest has sent is through, or after two seconds.</summary>
    public void Dispose()
    {
        _ended.Cancel();
        if (_writer.Join(Patience))
        {
            _ended.Dispose();
        }
    }

    private void Write()
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (true)
            {
                int count = _read(buffer, _ended.Token).AsTask().GetAwaiter().GetResult();
                _console.Write(buffer.AsSpan(0, count));
            }
        }
        catch (OperationCanceledException)
        {
            // All is through.
        }
    }
}
