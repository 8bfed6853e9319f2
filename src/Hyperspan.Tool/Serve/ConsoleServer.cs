using System.Runtime.InteropServices;

using Hyperspan.Tool.Output;
using Hyperspan.Tool.Run;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>Serves a console on a socket, and passes on what is typed and shown, until the process is asked to end.</summary>
internal sealed class ConsoleServer : IDisposable
{
    private readonly VirtioConsoleDevice _device;
    private readonly DeviceServer _server;
    private readonly ServedDevice _served;
    private readonly ServerLog _log;
    private readonly IConsoleEndPoint _console;
    private readonly bool _hasSize;

    private ConsoleServer(VirtioConsoleDevice device, DeviceServer server, ServedDevice served, ServerLog log, IConsoleEndPoint console, bool hasSize)
    {
        _device = device;
        _server = server;
        _served = served;
        _log = log;
        _console = console;
        _hasSize = hasSize;
    }

    /// <summary>Listens on the socket and opens the console.</summary>
    /// <exception cref="InvalidInputException">One of them cannot be used. Nothing has been changed.</exception>
    internal static ConsoleServer Open(SocketOptions options, string where)
    {
        bool isStandard = where == ConsoleEndPoint.Standard;
        bool hasSize = isStandard && !Console.IsOutputRedirected;
        var log = new ServerLog(Terminal.CreateError(), isRaw: isStandard);
        DeviceServer? server = null;
        IConsoleEndPoint? console = null;
        try
        {
            VirtioConsoleDevice device = hasSize ? new(Columns, Rows) : new();
            server = new DeviceServer(log, options.Metrics, () => (console as StandardConsole)?.Restore(), () => console?.Dispose());
            ServedDevice served = server.Add(options, device, new LogSource(log));
            if (!isStandard)
            {
                console = ConsoleEndPoint.Open(where);
            }

            // Before a terminal is made raw.
            served.WriteHeader(
                isStandard ? Console.Error : Console.Out,
                "Serving a console, where the virtual machine has a device for it",
                QemuLine.ForConsole(served.SocketName));
            console ??= ConsoleEndPoint.Open(where);
            return new ConsoleServer(device, server, served, log, console, hasSize);
        }
        catch
        {
            console?.Dispose();
            server?.Dispose();
            log.Dispose();
            throw;
        }
    }

    /// <summary>Serves.</summary>
    /// <returns>The exit code.</returns>
    internal int Run()
    {
        using PosixSignalRegistration? resized = _hasSize && !OperatingSystem.IsWindows()
            ? PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => Resize())
            : null;
        bool isWell;
        using (new ConsolePump(_device, _console))
        {
            isWell = _server.Run(static () => 0);
        }

        _served.WriteSummary();
        return isWell ? ExitCode.Success : ExitCode.Failure;
    }

    public void Dispose()
    {
        _console.Dispose();
        _server.Dispose();
        _device.Dispose();
        _log.Dispose();
    }

    private static ushort Columns => (ushort)Math.Clamp(Console.WindowWidth, 0, ushort.MaxValue);

    private static ushort Rows => (ushort)Math.Clamp(Console.WindowHeight, 0, ushort.MaxValue);

    private void Resize()
    {
        _device.SetSize(Columns, Rows);
        _served.Server.NotifyConfigChanged();
    }
}
