using System.Runtime.InteropServices;

using Hyperspan.Tool.Output;

namespace Hyperspan.Tool.Serve;

/// <summary>Serves images, each on a socket of its own, until the process is asked to end.</summary>
internal sealed class BlockServer : IDisposable
{
    private readonly ServerLog _log;
    private readonly List<ServedDisk> _disks = [];
    private DeviceServer? _server;

    private BlockServer(ServerLog log) => _log = log;

    /// <summary>Opens the images and listens on the sockets.</summary>
    /// <exception cref="InvalidInputException">One of them cannot be used. Nothing has been changed.</exception>
    internal static BlockServer Open(IReadOnlyList<BlockServerOptions> disks)
    {
        foreach (BlockServerOptions disk in disks)
        {
            GivenSocket.Choose(disk.Socket.Path, disk.Socket.Descriptor);
        }

        var log = new ServerLog(Terminal.CreateError(), isRaw: false);
        var server = new BlockServer(log);
        try
        {
            foreach (BlockServerOptions disk in disks)
            {
                server._disks.Add(ServedDisk.Open(disk, new LogSource(log, disks.Count == 1 ? "" : disk.Name!)));
            }

            var devices = new DeviceServer(log, disks[0].Socket.Metrics);
            server._server = devices;
            server._disks.ForEach(disk => disk.ServeBy(devices));
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Serves.</summary>
    /// <returns>The exit code.</returns>
    internal int Run()
    {
        DeviceServer server = _server!;
        using PosixSignalRegistration? resumed = OperatingSystem.IsWindows()
            ? null
            : PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ => _disks.ForEach(static disk => disk.Resume()));
        _disks.ForEach(static disk => disk.WriteHeader());
        bool isWell = server.Run(() => _disks.Sum(static disk => disk.Failures));
        server.EndLimit.Enter("closing the image");
        return isWell ? ExitCode.Success : ExitCode.Failure;
    }

    public void Dispose()
    {
        _server?.Dispose();
        _disks.ForEach(static disk => disk.Dispose());
        _log.Dispose();
    }
}
