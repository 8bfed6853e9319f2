using Hyperspan.Virtio;

namespace Hyperspan.Tool.Run;

/// <summary>Passes on what is typed and shown between a console device and where it leads, on two threads of its own.</summary>
internal sealed class ConsolePump : IDisposable
{
    private readonly ConsoleOutput _output;

    /// <summary>Starts. Both stay the caller's; the thread that reads ends when the end point is disposed.</summary>
    internal ConsolePump(VirtioConsoleDevice device, IConsoleEndPoint console)
    {
        new ConsoleInput(console).LeadTo(device.WriteAsync);
        _output = new ConsoleOutput(device.ReadAsync, console);
    }

    /// <summary>Ends the output when all that the guest has sent is through, or after two seconds.</summary>
    public void Dispose() => _output.Dispose();
}
