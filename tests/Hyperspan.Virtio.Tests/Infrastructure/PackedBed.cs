namespace Hyperspan.Virtio.Tests;

/// <summary>A packed queue over one MiB of memory, with descriptors written by hand.</summary>
internal sealed class PackedBed : IDisposable
{
    internal const ulong Ring = 0x1000;
    internal const ulong DriverEvents = 0x2000;
    internal const ulong DeviceEvents = 0x2004;
    internal const ushort Available = 1 << 7;
    internal const ushort Used = 1 << 15;

    internal PackedBed(ushort size = 8, VirtQueueFeatures features = VirtQueueFeatures.IndirectDescriptors, GuestMemory? memory = null)
    {
        Memory = memory ?? GuestMemory.Allocate(QueueBed.MemorySize);
        Queue = new VirtQueue(Memory, new VirtQueueLayout(size, Ring, DriverEvents, DeviceEvents), features | VirtQueueFeatures.PackedRing);
    }

    internal GuestMemory Memory { get; }

    internal VirtQueue Queue { get; }

    internal DescriptorChain Chain { get; } = new(capacity: 1);

    internal void Describe(ushort index, ulong address, uint length, int flags, ushort id = 0) =>
        DescribeAt(Ring + (16UL * index), address, length, flags, id);

    internal void DescribeAt(GuestAddress at, ulong address, uint length, int flags, ushort id = 0)
    {
        Memory.WriteUInt64LittleEndian(at, address);
        Memory.WriteUInt32LittleEndian(at + 8, length);
        Memory.WriteUInt16LittleEndian(at + 12, id);
        Memory.WriteUInt16LittleEndian(at + 14, (ushort)flags);
    }

    internal (uint Length, ushort Id, ushort Flags) Read(ushort index)
    {
        GuestAddress at = Ring + (16UL * index);
        return (Memory.ReadUInt32LittleEndian(at + 8), Memory.ReadUInt16LittleEndian(at + 12), Memory.ReadUInt16LittleEndian(at + 14));
    }

    internal void Take() => Queue.TryTake(Chain).ShouldBeTrue(Queue.Error.ToString());

    internal void ShouldBreak(VirtQueueErrorKind kind)
    {
        Queue.TryTake(Chain).ShouldBeFalse();
        Queue.Error.Kind.ShouldBe(kind, Queue.Error.ToString());
        Queue.Error.Text.ShouldNotBeNullOrWhiteSpace();
    }

    public void Dispose() => Memory.Dispose();
}
