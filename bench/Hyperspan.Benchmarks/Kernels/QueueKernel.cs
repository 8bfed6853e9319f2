extern alias VhostUser;

using Hyperspan.Translation;
using Hyperspan.Virtio;
using VhostUser::Hyperspan.VhostUser;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>A virtqueue's request: one store by the driver, then the device takes a chain of three buffers, returns it and decides on notification.</summary>
internal sealed unsafe class QueueKernel : Kernel
{
    private const int Requests = 256;
    private const ushort Size = 256;
    private const ushort NoInterrupt = 1;

    private readonly VirtQueue _queue;
    private readonly DescriptorChain _chain = new();
    private readonly ushort* _available;
    private ushort _made;

    internal QueueKernel(Memories.Measured measured, bool isGated = false)
    {
        GuestMemory memory = measured.Memory;
        memory.Clear(0, 0x10000);
        for (uint i = 0; i < Size; i++)
        {
            // Chains of three: a header, data, a status.
            uint place = i % 3;
            ushort flags = (ushort)(i == Size - 1 ? 2 : place switch { 0 => 1, 1 => 3, _ => 2 });
            memory.Write(i * 16, 0x20000UL + (i * 512));
            memory.Write((i * 16) + 8, place switch { 0 => 16u, 1 => 512u, _ => 1u });
            memory.Write((i * 16) + 12, flags);
            memory.Write((i * 16) + 14, (ushort)((i + 1) % Size));
            memory.Write(0x2004 + (i * 2), (ushort)(i % 85 * 3));
        }

        memory.Write(0x2000, NoInterrupt);
        _available = (ushort*)measured.RawAt(0x2002);
        var layout = new VirtQueueLayout(Size, 0, 0x2000, 0x4000);
        _queue = new VirtQueue(memory, layout) { BufferGate = isGated ? Gate(layout) : null };
    }

    public override int Count => Requests;

    /// <summary>What a vhost-user queue asks before it takes a chain: all is translated, a page a range, as front ends give it.</summary>
    private static RingGate Gate(in VirtQueueLayout layout)
    {
        var iotlb = new DeviceIotlb(static (_, _) => false, TimeSpan.FromMinutes(1));
        for (ulong page = 0; page < Window.Size; page += GuestAddress.PageSize)
        {
            iotlb.Update(new AddressTranslation(page, page ^ GuestAddress.PageSize, GuestAddress.PageSize, Protection.ReadWrite));
        }

        return new RingGate(iotlb, layout, VirtQueueFeatures.None);
    }

    public override ulong Run()
    {
        ulong sum = 0;
        for (int i = 0; i < Requests; i++)
        {
            Volatile.Write(ref *_available, ++_made);
            if (!_queue.TryTake(_chain) || !_queue.Complete(_chain, 1) || _queue.ShouldNotify() == (sum == ulong.MaxValue))
            {
                sum += _queue.IsBroken ? throw new InvalidOperationException(_queue.Error.ToString()) : 1UL;
            }

            sum += _chain.Head;
        }

        return sum;
    }
}
