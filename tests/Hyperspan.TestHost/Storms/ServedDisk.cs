using System.Collections.Concurrent;
using System.Net.Sockets;

using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.TestHost.Storms;

/// <summary>A disk of two queues that is served on a thread of its own, and its front end with memory, in this process.</summary>
internal sealed class ServedDisk : IDisposable
{
    internal const ulong Data = 0x8_0000;

    private const ulong Length = 1 << 20;

    private readonly SharedBacking _backing;
    private readonly GuestMemory _memory;
    private readonly VirtioBlockDevice _device;
    private readonly Task<VhostUserEvent> _run;
    private readonly ConcurrentQueue<VhostUserEvent> _log = new();
    private readonly VhostUserFrontEndQueue?[] _queues = new VhostUserFrontEndQueue?[2];

    internal ServedDisk(string image, Action<VhostUserEvent>? onEvent = null)
    {
        // What was made is released where the rest cannot be: as many files as there may be are not enough for all.
        _backing = new SharedBacking(Length);
        _memory = new GuestMemory(_backing, "guest");
        try
        {
            _device = new VirtioBlockDevice(RawDiskImage.Open(image), new VirtioBlockOptions { QueueCount = 2 });
            (Socket backEnd, Socket frontEnd) = VhostUserSocketPair.Create();
            try
            {
                FrontEnd = new VhostUserFrontEnd(frontEnd);
                var connection = new VhostUserConnection(backEnd, _device, new VhostUserOptions
                {
                    OnEvent = what =>
                    {
                        _log.Enqueue(what);
                        onEvent?.Invoke(what);
                    },
                });
                _run = connection.RunAsync();
            }
            catch
            {
                FrontEnd?.Dispose();
                frontEnd.Dispose();
                backEnd.Dispose();
                throw;
            }
        }
        catch
        {
            _device?.Dispose();
            _memory.Dispose();
            _backing.DisposeAndUnmap();
            throw;
        }
    }

    internal VhostUserFrontEnd FrontEnd { get; }

    internal string Log => string.Join('\n', _log);

    /// <summary>Shares its memory: the same in eight regions.</summary>
    internal void Share()
    {
        VhostUserSharedMemory whole = VhostUserSharedMemory.Of(0, _backing);
        const ulong Part = Length / 8;
        FrontEnd.SetMemory([.. Enumerable.Range(0, 8).Select(i => new VhostUserSharedMemory(
            whole.Region with
            {
                GuestAddress = (ulong)i * Part,
                UserAddress = whole.Region.UserAddress + ((ulong)i * Part),
                Size = Part,
                FileOffset = whole.Region.FileOffset + ((ulong)i * Part),
            },
            whole.File))]);
    }

    /// <summary>Starts a queue.</summary>
    internal VirtQueueDriver Start(int index)
    {
        var rings = new VirtQueueDriver(_memory, 0x1000 + ((ulong)index * 0x4000), 64, VirtioFeatures.ForQueue(FrontEnd.Features));
        _queues[index] = FrontEnd.StartQueue(index, rings.Layout);
        return rings;
    }

    /// <summary>Does a request of a queue that was started.</summary>
    internal BlockStatus Write(int index, VirtQueueDriver rings, ulong sector, double patience = 30)
    {
        _memory.Write(Data, sector);
        return new VirtioBlockDriver(_memory, rings, 0x4_0000, new Transport(_queues[index]!, TimeSpan.FromSeconds(patience))).Write(sector, Data, 512);
    }

    /// <summary>Waits for the end of the connection.</summary>
    internal VhostUserEvent End() => _run.Wait(TimeSpan.FromMinutes(2)) ? _run.Result : throw new TimeoutException("the connection goes on:\n" + Log);

    public void Dispose()
    {
        FrontEnd.Dispose();
        foreach (VhostUserFrontEndQueue? queue in _queues)
        {
            queue?.Dispose();
        }

        End();
        _device.Dispose();
        _memory.Dispose();
        _backing.DisposeAndUnmap();
    }

    private sealed class Transport(VhostUserFrontEndQueue queue, TimeSpan patience) : IVirtQueueTransport
    {
        public void Kick() => queue.Kick();

        public bool Wait() => queue.WaitForCall(patience);
    }
}
