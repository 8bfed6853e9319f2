using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct io_uring_sqe</c>, the fields that are used.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct IoUringSubmission
{
    /// <summary>In <see cref="Flags"/>: the descriptor is an index into the registered files.</summary>
    internal const byte FixedFile = 1;

    [FieldOffset(0)]
    internal IoUringOperation Operation;

    [FieldOffset(1)]
    internal byte Flags;

    [FieldOffset(4)]
    internal int Descriptor;

    [FieldOffset(8)]
    internal ulong Offset;

    [FieldOffset(16)]
    internal ulong Address;

    [FieldOffset(24)]
    internal uint Length;

    /// <summary>The flags of the operation; for <see cref="IoUringOperation.Poll"/> the events.</summary>
    [FieldOffset(28)]
    internal uint OperationFlags;

    [FieldOffset(32)]
    internal ulong UserData;
}
