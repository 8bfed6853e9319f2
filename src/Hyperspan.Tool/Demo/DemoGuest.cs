using System.Net.Sockets;
using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Demo;

/// <summary>
/// The embedded guest: negotiates by vhost-user as QEMU would, and drives the disk as a kernel would. All it knows of the device comes over the socket and through its
/// own view of the shared memory.
/// </summary>
internal sealed class DemoGuest : IDisposable
{
    private const int CapacityLength = sizeof(ulong);

    private readonly DemoMemory _memory;
    private readonly VhostUserFrontEnd _frontEnd;
    private readonly Task<VhostUserEvent> _ended;
    private readonly List<VhostUserFrontEndQueue> _queues = [];

    internal DemoGuest(DemoMemory memory, Socket socket, Task<VhostUserEvent> ended, CancellationToken cancellationToken)
    {
        _memory = memory;
        _ended = ended;
        _frontEnd = new VhostUserFrontEnd(socket);
        try
        {
            _frontEnd.Negotiate();
            Capacity = BitConverter.ToUInt64(_frontEnd.GetConfig(0, CapacityLength)) * RawDiskImage.SectorSize;
            _frontEnd.SetMemory([.. memory.Regions.Select(DemoMemory.Share)]);
            VirtQueueFeatures features = VirtioFeatures.ForQueue(_frontEnd.Features);
            for (int i = 0; i < DemoLayout.QueueCount; i++)
            {
                var rings = new VirtQueueDriver(memory.Guest, DemoLayout.Rings(i), DemoLayout.QueueSize, features, DemoLayout.IndirectEntries);
                VhostUserFrontEndQueue queue = _frontEnd.StartQueue(i, rings.Layout);
                _queues.Add(queue);
                Disks.Add(new VirtioBlockDriver(
                    memory.Guest,
                    rings,
                    DemoLayout.Headers(i),
                    new GuestTransport(queue, ended, cancellationToken),
                    indirect: (features & VirtQueueFeatures.IndirectDescriptors) != 0));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gets the size of the disk in bytes, as the device says.</summary>
    internal ulong Capacity { get; }

    /// <summary>Gets the features that were agreed on.</summary>
    internal ulong Features => _frontEnd.Features;

    /// <summary>Gets the drivers of the queues.</summary>
    internal List<VirtioBlockDriver> Disks { get; } = [];

    /// <summary>Gets the guest's view of its memory.</summary>
    internal GuestMemory Memory => _memory.Guest;

    /// <summary>Shares one more region while the device runs.</summary>
    internal void Plug(DemoRegion region) => _frontEnd.AddMemory(DemoMemory.Share(region));

    /// <summary>Stops the queues and leaves, as a guest that shuts down does.</summary>
    /// <returns>Why the device says that the connection ended.</returns>
    internal VhostUserEvent Leave()
    {
        for (int i = 0; i < _queues.Count; i++)
        {
            _frontEnd.StopQueue(i);
        }

        Dispose();
        return _ended.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        _frontEnd.Dispose();
        foreach (VhostUserFrontEndQueue queue in _queues)
        {
            queue.Dispose();
        }
    }
}
