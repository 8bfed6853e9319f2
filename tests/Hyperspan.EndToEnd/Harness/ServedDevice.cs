using System.Diagnostics;
using System.Net.Sockets;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>A device that is no disk: the command <c>hyperspan serve</c>, or a program of the samples.</summary>
internal sealed class ServedDevice : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly LeashedProcess _process;

    private ServedDevice(LeashedProcess process, string socket)
    {
        _process = process;
        Socket = socket;
    }

    internal string Socket { get; }

    internal string Log => _process.Log;

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="folder">Where the socket is made.</param>
    /// <param name="program">A project of this repository.</param>
    /// <param name="arguments">What comes before the socket.</param>
    internal static async Task<ServedDevice> StartAsync(string folder, string program, params string[] arguments)
    {
        string socket = Path.Combine(folder, "device.socket");
        var process = LeashedProcess.Start(program, "dotnet", [BuiltProgram.Find(program)!, .. arguments, socket]);
        await WaitForAsync(socket, process);
        return new ServedDevice(process, socket);
    }

    /// <summary>Connects to a socket that the device makes for a person.</summary>
    internal async Task<NetworkStream> ConnectAsync(string path)
    {
        await WaitForAsync(path, _process);
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(path));
        return new NetworkStream(client, ownsSocket: true);
    }

    /// <summary>Asks it to end, as Ctrl-C does, and returns its exit code.</summary>
    internal async Task<int> StopAsync()
    {
        _process.Signal(Signals.Interrupt);
        return await _process.WaitForExitAsync(Patience);
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static async Task WaitForAsync(string socket, LeashedProcess process)
    {
        var clock = Stopwatch.StartNew();
        while (!await ListeningSockets.ContainAsync(socket))
        {
            if (process.HasExited || clock.Elapsed > Patience)
            {
                throw new EndToEndException($"{process.Name} does not listen on {socket}:\n{process.Log}");
            }

            await Task.Delay(20);
        }
    }
}
