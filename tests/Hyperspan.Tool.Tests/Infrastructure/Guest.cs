using Hyperspan.Testing;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests.Infrastructure;

/// <summary>A front end with memory, one queue and a driver.</summary>
internal sealed class Guest : IDisposable, IVirtQueueTransport
{
    private const ulong Length = 1 << 20;

    private readonly SharedMemory _backing = new(Length);
    private readonly VhostUserFrontEndQueue _queue;

    internal Guest(string socket)
    {
        Memory = new GuestMemory("guest", _backing);
        FrontEnd = VhostUserFrontEnd.Connect(socket);
        FrontEnd.Negotiate();
        FrontEnd.SetMemory(VhostUserSharedMemory.Of(0, _backing));
        var rings = new VirtQueueDriver(Memory, 0x1000, 64, VirtioFeatures.ForQueue(FrontEnd.Features));
        _queue = FrontEnd.StartQueue(0, rings.Layout);
        Disk = new VirtioBlockDriver(Memory, rings, 0x4_0000, this);
    }

    internal GuestMemory Memory { get; }

    internal VhostUserFrontEnd FrontEnd { get; }

    internal VirtioBlockDriver Disk { get; }

    public void Kick() => _queue.Kick();

    public bool Wait() => _queue.WaitForCall(TimeSpan.FromSeconds(20));

    public void Dispose()
    {
        FrontEnd.Dispose();
        _queue.Dispose();
        Memory.Dispose();
    }
}
