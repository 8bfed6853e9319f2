using System.Net.Sockets;

using Hyperspan.Testing;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests.Infrastructure;

/// <summary>A front end with memory, one queue and a driver.</summary>
internal sealed class Guest : IDisposable, IVirtQueueTransport
{
    internal const ulong Length = 1 << 20;

    private readonly GuestMemoryBacking _backing;
    private readonly VhostUserFrontEndQueue _queue;

    internal Guest(string socket, GuestMemoryBacking? backing = null)
    {
        _backing = backing ?? new SharedBacking(Length);
        Memory = new GuestMemory(_backing, "guest");
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

    /// <summary>Gets the event that is signalled when requests are done. The server has the same one.</summary>
    internal Microsoft.Win32.SafeHandles.SafeFileHandle CallHandle => _queue.CallHandle;

    /// <summary>Waits for a server whose log is not read: its socket has a name a moment before it listens.</summary>
    internal static void WaitForServer(string socket) => SpinWait.SpinUntil(
        () =>
        {
            try
            {
                VhostUserFrontEnd.Connect(socket).Dispose();
                return true;
            }
            catch (SocketException)
            {
                Thread.Sleep(20);
                return false;
            }
        },
        TimeSpan.FromSeconds(60)).ShouldBeTrue("nobody listens");

    public void Kick() => _queue.Kick();

    public bool Wait() => _queue.WaitForCall(TimeSpan.FromSeconds(60));

    public void Dispose()
    {
        FrontEnd.Dispose();
        _queue.Dispose();
        Memory.Dispose();
    }
}
