using System.Collections.Concurrent;
using System.Net.Sockets;

using Hyperspan.VhostUser;
using Hyperspan.Virtio;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Demo;

/// <summary>The device's side: an image in a temporary directory, served over one connected socket after the other.</summary>
internal sealed class DemoBackEnd : IDisposable
{
    internal const string DiskId = "hyperspan-demo";

    private readonly VirtioBlockDevice _device;
    private readonly VhostUserOptions _options;
    private readonly List<VhostUserConnection> _connections = [];
    private readonly List<Task> _running = [];

    internal DemoBackEnd(ulong diskLength)
    {
        DirectoryInfo folder = CreateFolder(diskLength);
        try
        {
            string path = Path.Combine(folder.FullName, "disk.img");

            // Room is made for all of it now, so that a lack of it is said as such.
            Image = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, preallocationSize: (long)diskLength);
            RandomAccess.SetLength(Image, (long)diskLength);
            var options = new VirtioBlockOptions { QueueCount = DemoLayout.QueueCount, Id = DiskId };
            _device = new VirtioBlockDevice(path, options);
        }
        catch
        {
            Image?.Dispose();
            throw;
        }
        finally
        {
            // The name is not needed any more. Without it nothing is left behind, however this process ends.
            folder.Delete(recursive: true);
        }

        _options = new VhostUserOptions { OnEvent = Events.Enqueue };
    }

    /// <summary>Gets the image file, to be read as any program would.</summary>
    internal SafeFileHandle Image { get; }

    /// <summary>Gets what the device reported, in order.</summary>
    internal ConcurrentQueue<VhostUserEvent> Events { get; } = new();

    private static DirectoryInfo CreateFolder(ulong diskLength)
    {
        try
        {
            return Directory.CreateTempSubdirectory("hyperspan-demo-");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string folder = Path.GetTempPath();
            string reason = Directory.Exists(folder) ? e.Message.TrimEnd('.') : "it does not exist";
            throw new IOException(
                $"{folder}: no room for the demo's disk image ({Output.Units.Bytes((long)diskLength)}) in the temporary directory: {reason}; TMPDIR chooses another",
                e);
        }
    }

    /// <summary>Begins to serve a new connection.</summary>
    /// <returns>The front end's socket, and what ends when the connection does.</returns>
    internal (Socket FrontEnd, Task<VhostUserEvent> Ended) Accept()
    {
        (Socket backEnd, Socket frontEnd) = VhostUserSocketPair.Create();
        var connection = new VhostUserConnection(backEnd, _device, _options);
        _connections.Add(connection);
        Task<VhostUserEvent> ended = connection.RunAsync();
        _running.Add(ended);
        return (frontEnd, ended);
    }

    public void Dispose()
    {
        foreach (VhostUserConnection connection in _connections)
        {
            connection.Dispose();
        }

        Task.WaitAll([.. _running]);
        _device.Dispose();
        Image.Dispose();
    }
}
