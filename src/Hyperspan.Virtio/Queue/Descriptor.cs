using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>A copy of one descriptor (virtio 1.2, section 2.7.5), as it lies in memory: what was read once is what is checked and used.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Descriptor
{
    internal const ulong EntryLength = 16;
    internal const ushort Next = 1;
    internal const ushort Write = 2;
    internal const ushort Indirect = 4;

    private readonly Le64 _address;
    private readonly Le32 _length;
    private readonly Le16 _flags;
    private readonly Le16 _next;

    internal Descriptor(ulong address, uint length, ushort flags, ushort next = 0) => (_address, _length, _flags, _next) = (address, length, flags, next);

    internal ulong Address => _address;

    internal uint Length => _length;

    internal ushort Flags => _flags;

    internal ushort NextIndex => _next;

    internal bool HasNext => (Flags & Next) != 0;

    internal bool IsWritable => (Flags & Write) != 0;

    internal bool IsIndirect => (Flags & Indirect) != 0;
}
