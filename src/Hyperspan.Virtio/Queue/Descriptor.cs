using System.Runtime.CompilerServices;

namespace Hyperspan.Virtio;

/// <summary>A copy of one descriptor (virtio 1.2, section 2.7.5): what was read once is what is checked and used.</summary>
internal readonly struct Descriptor
{
    internal const ulong EntryLength = 16;
    internal const ushort Next = 1;
    internal const ushort Write = 2;
    internal const ushort Indirect = 4;

    private readonly ulong _rest;

    private Descriptor(ulong address, ulong rest)
    {
        Address = address;
        _rest = rest;
    }

    internal ulong Address { get; }

    internal uint Length => (uint)_rest;

    internal ushort Flags => (ushort)(_rest >> 32);

    internal ushort NextIndex => (ushort)(_rest >> 48);

    internal bool HasNext => (Flags & Next) != 0;

    internal bool IsWritable => (Flags & Write) != 0;

    internal bool IsIndirect => (Flags & Indirect) != 0;

    internal static ulong Pack(uint length, ushort flags, ushort next) => length | ((ulong)flags << 32) | ((ulong)next << 48);

    /// <summary>Reads a descriptor by two loads of eight bytes, each field once. A driver that changes it meanwhile gets the one value or the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryRead(GuestMemory memory, ulong address, out Descriptor descriptor)
    {
        if (memory.TryRead(address, out Le64 first) && memory.TryRead(address + 8, out Le64 second))
        {
            descriptor = new Descriptor(first, second);
            return true;
        }

        descriptor = default;
        return false;
    }

    /// <summary>Reads a descriptor and says why where it cannot.</summary>
    internal static bool TryRead(GuestMemory memory, ulong address, out Descriptor descriptor, out GuestMemoryFault fault)
    {
        if (memory.TryRead(address, out Le64 low, out fault) && memory.TryRead(address + 8, out Le64 high, out fault))
        {
            descriptor = new Descriptor(low, high);
            return true;
        }

        descriptor = default;
        return false;
    }
}
