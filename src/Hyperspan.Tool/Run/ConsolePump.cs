using Hyperspan.Virtio;

namespace Hyperspan.Tool.Run;

/// <summary>Passes on what is typed and shown between a console device and where it leads, on two threads of its own.</summary>
internal sealed class ConsolePump : IDisposable
{
    private readonly VirtioConsoleDevice _device;
    private readonly IConsoleEndPoint _console;
    private readonly ConsoleOutput _output;

    /// <summary>Starts. Both stay the caller's; the thread that reads ends when the end point is disposed.</summary>
    internal ConsolePump(VirtioConsoleDevice device, IConsoleEndPoint console)
    {
        _device = device;
        _console = console;
        new Thread(Read) { IsBackground = true, Name = "console input" }.Start();
        _output = new ConsoleOutput(device.ReadAsync, console);
    }

    /// <summary>Ends the output when all that the guest has sent is through, or after two seconds.</summary>
    public void Dispose() => _output.Dispose();

    private void Read()
    {
        byte[] buffer = new byte[4096];
        while (_console.Read(buffer) is > 0 and var count)
        {
            // Where the guest does not take it, it is typed ahead, and then waits.
            _device.WriteAsync(buffer.AsMemory(0, count), CancellationToken.None).AsTask().GetAwaiter().GetResult();
        }
    }
}
