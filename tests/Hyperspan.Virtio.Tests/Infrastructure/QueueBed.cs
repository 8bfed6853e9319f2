namespace Hyperspan.Virtio.Tests;

/// <summary>A queue of eight over one MiB of memory, with descriptors written by hand.</summary>
internal sealed class QueueBed : IDisposable
{
    internal const ulong MemorySize = 1 << 20;
    internal const ulong Buffers = 0x10000;
    internal const ushort Next = 1;
    internal const ushort Write = 2;
    internal const ushort Indirect = 4;

    internal QueueBed(VirtQueueFeatures features = VirtQueueFeatures.IndirectDescriptors, ushort size = 8, GuestMemory? memory = null)
    {
        Memory = memory ?? GuestMemory.Allocate(MemorySize);
        Driver = new VirtQueueDriver(Memory, 0x1000, size, features);
        Queue = new VirtQueue(Memory, Driver.Layout, features);
    }

    internal GuestMemory Memory { get; }

    internal VirtQueueDriver Driver { get; }

    internal VirtQueue Queue { get; }

    internal DescriptorChain Chain { get; } = new(capacity: 1);

    internal VirtQueueLayout Layout => Queue.Layout;

    internal GuestAddress AvailableIndex => Layout.AvailableRing + 2;

    internal GuestAddress UsedIndex => Layout.UsedRing + 2;

    internal GuestAddress UsedEvent => Layout.AvailableRing + 4 + (2UL * Layout.Size);

    internal GuestAddress AvailableEvent => Layout.UsedRing + 4 + (8UL * Layout.Size);

    internal void Describe(ushort index, ulong address, uint length, ushort flags = 0, ushort next = 0) =>
        DescribeAt(Layout.DescriptorTable + (16UL * index), address, length, flags, next);

    internal void DescribeAt(GuestAddress at, ulong address, uint length, ushort flags = 0, ushort next = 0)
    {
        Memory.WriteUInt64LittleEndian(at, address);
        Memory.WriteUInt32LittleEndian(at + 8, length);
        Memory.WriteUInt16LittleEndian(at + 12, flags);
        Memory.WriteUInt16LittleEndian(at + 14, next);
    }

    internal void Offer(params ushort[] heads)
    {
        ushort index = Memory.ReadUInt16LittleEndian(AvailableIndex);
        foreach (ushort head in heads)
        {
            Memory.WriteUInt16LittleEndian(Layout.AvailableRing + 4 + (2UL * (uint)(index++ % Layout.Size)), head);
        }

        Memory.WriteUInt16LittleEndian(AvailableIndex, index);
    }

    internal void ShouldBreak(VirtQueueErrorKind kind, ushort? head = null)
    {
        Queue.TryTake(Chain).ShouldBeFalse();
        Queue.IsBroken.ShouldBeTrue();
        Queue.Error.Kind.ShouldBe(kind, Queue.Error.ToString());
        Queue.Error.Head.ShouldBe(head);
        Queue.Error.Text.ShouldNotBeNullOrWhiteSpace();
    }

    public void Dispose() => Memory.Dispose();
}
