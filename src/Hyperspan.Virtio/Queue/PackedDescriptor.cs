using System.Runtime.CompilerServices;

namespace Hyperspan.Virtio;

/// <summary>A copy of one descriptor of a packed virtqueue (virtio 1.2, section 2.8.13).</summary>
public readonly record struct PackedDescriptor
{
    internal const ushort Available = 1 << 7;
    internal const ushort Used = 1 << 15;

    /// <summary>Initializes a new instance of the <see cref="PackedDescriptor"/> struct.</summary>
    /// <param name="address">The guest-physical address of its buffer, or of an indirect table.</param>
    /// <param name="length">The buffer's length in bytes.</param>
    /// <param name="id">What the driver calls the chain by; that of the last descriptor counts.</param>
    /// <param name="flags">VIRTQ_DESC_F_NEXT, WRITE, INDIRECT, AVAIL and USED.</param>
    public PackedDescriptor(ulong address, uint length, ushort id, ushort flags)
    {
        Address = address;
        Length = length;
        Id = id;
        Flags = flags;
    }

    /// <summary>Gets the guest-physical address of its buffer, or of an indirect table.</summary>
    public ulong Address { get; }

    /// <summary>Gets the buffer's length in bytes.</summary>
    public uint Length { get; }

    /// <summary>Gets what the driver calls the chain by; that of the last descriptor counts.</summary>
    public ushort Id { get; }

    /// <summary>Gets the flags: VIRTQ_DESC_F_NEXT, WRITE, INDIRECT, AVAIL and USED.</summary>
    public ushort Flags { get; }

    internal bool HasNext => (Flags & Descriptor.Next) != 0;

    internal bool IsWritable => (Flags & Descriptor.Write) != 0;

    internal bool IsIndirect => (Flags & Descriptor.Indirect) != 0;

    /// <summary>The second half of a descriptor: one store of it is seen as a whole.</summary>
    internal static ulong Pack(uint length, ushort id, ushort flags) => length | ((ulong)id << 32) | ((ulong)flags << 48);

    internal static PackedDescriptor Unpack(ulong address, ulong rest) => new(address, (uint)rest, (ushort)(rest >> 32), (ushort)(rest >> 48));

    /// <summary>The flags of one that is available, or used, in a lap with this wrap counter.</summary>
    internal static ushort AvailableFlags(bool wrap) => wrap ? Available : Used;

    internal static ushort UsedFlags(bool wrap) => wrap ? (ushort)(Available | Used) : (ushort)0;

    /// <summary>Reads one by two loads of eight bytes, each field once, the second half first: what it covers is read after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryRead(GuestMemory memory, ulong place, out PackedDescriptor descriptor)
    {
        if (memory.TryRead(place + 8, out Le64 rest) && memory.TryRead(place, out Le64 address))
        {
            descriptor = Unpack(address, rest);
            return true;
        }

        descriptor = default;
        return false;
    }

    /// <summary>Reads one and says why where it cannot.</summary>
    internal static bool TryRead(GuestMemory memory, ulong place, out PackedDescriptor descriptor, out GuestMemoryFault fault)
    {
        if (memory.TryRead(place + 8, out Le64 rest, out fault) && memory.TryRead(place, out Le64 address, out fault))
        {
            descriptor = Unpack(address, rest);
            return true;
        }

        descriptor = default;
        return false;
    }
}
