using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>A guest's driver of one queue of a <see cref="TestDevice"/>: uses nothing but memory and events.</summary>
internal sealed class TestDriver
{
    private readonly GuestMemory _memory;
    private readonly ulong _buffers;
    private readonly Stack<ushort> _free = new();
    private readonly Dictionary<ushort, ulong> _outstanding = [];
    private ushort _available;
    private ushort _used;

    internal TestDriver(GuestMemory memory, ulong at = 0x1000, ushort size = 16)
    {
        _memory = memory;
        Layout = new VirtQueueLayout(size, at, at + 0x1000, at + 0x2000);
        _buffers = at + 0x4000;
        for (int i = (size / 2) - 1; i >= 0; i--)
        {
            _free.Push((ushort)(2 * i));
        }
    }

    internal static ulong Length => 0x8000;

    internal VirtQueueLayout Layout { get; }

    internal ushort Available => _available;

    internal ushort Used => _used;

    internal int Outstanding => _outstanding.Count;

    /// <summary>Makes a request available; the driver is to kick then.</summary>
    internal ushort Submit(ulong number)
    {
        ushort head = _free.Pop();
        ulong buffer = _buffers + (16UL * head);
        _memory.Write(buffer, number);
        _memory.Write(buffer + 8, 0UL);
        Describe(head, buffer, 8, flags: 1, (ushort)(head + 1));
        Describe((ushort)(head + 1), buffer + 8, 8, flags: 2, 0);
        _outstanding.Add(head, number);
        Offer(head);
        return head;
    }

    /// <summary>Puts a head into the available ring.</summary>
    internal void Offer(ushort head)
    {
        _memory.Write(Layout.AvailableRing + 4 + (2UL * (uint)(_available % Layout.Size)), head);
        _memory.VolatileWrite(Layout.AvailableRing + 2, ++_available);
    }

    /// <summary>Counts a head that was offered once more, with the request that it had, as submitted.</summary>
    internal void Take(ushort head)
    {
        _free.Pop().ShouldBe(head);
        _outstanding.Add(head, _memory.Read<ulong>(_buffers + (16UL * head)));
    }

    internal void Describe(ushort index, ulong address, uint length, ushort flags, ushort next)
    {
        ulong at = Layout.DescriptorTable.Value + (16UL * index);
        _memory.Write(at, address);
        _memory.Write(at + 8, length | ((ulong)flags << 32) | ((ulong)next << 48));
    }

    /// <summary>Takes back what the device has done, and checks the answers.</summary>
    internal List<ulong> Reap()
    {
        var done = new List<ulong>();
        while (true)
        {
            ushort index = _memory.VolatileRead<ushort>(Layout.UsedRing + 2);
            if (_used == index)
            {
                // Ask to be notified about the next one, then look again: the device may just have missed it.
                GuestAddress wish = Layout.AvailableRing + 4 + (2UL * Layout.Size);
                if (_memory.Read<ushort>(wish) == _used)
                {
                    return done;
                }

                _memory.Write(wish, _used);
                Interlocked.MemoryBarrier();
                continue;
            }

            var head = (ushort)_memory.Read<uint>(Layout.UsedRing + 4 + (8UL * (uint)(_used % Layout.Size)));
            _outstanding.Remove(head, out ulong number).ShouldBeTrue($"head {head} was returned twice or never made available");
            _memory.Read<ulong>(_buffers + (16UL * head) + 8).ShouldBe(~number);
            _free.Push(head);
            done.Add(number);
            _used++;
        }
    }

    /// <summary>Waits until everything made available has been done.</summary>
    internal List<ulong> WaitForAll(VhostUserFrontEndQueue queue)
    {
        List<ulong> done = Reap();
        while (_outstanding.Count != 0)
        {
            queue.WaitForCall(Harness.Patience).ShouldBeTrue("no notification");
            done.AddRange(Reap());
        }

        return done;
    }
}
