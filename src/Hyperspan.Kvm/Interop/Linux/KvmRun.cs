using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_run</c>, which a processor shares with its user: the parts that are used here, one upon the other as in the union.</summary>
[StructLayout(LayoutKind.Explicit)]
internal unsafe struct KvmRun
{
    /// <summary>KVM_EXIT_IO_OUT.</summary>
    internal const byte DirectionOut = 1;

    [FieldOffset(1)]
    internal byte ImmediateExit;

    [FieldOffset(8)]
    internal KvmExitReason ExitReason;

    [FieldOffset(32)]
    internal byte IoDirection;

    [FieldOffset(33)]
    internal byte IoSize;

    [FieldOffset(34)]
    internal ushort IoPort;

    [FieldOffset(36)]
    internal uint IoCount;

    /// <summary>Where the data of a port access lie, in bytes from the start of this structure.</summary>
    [FieldOffset(40)]
    internal ulong IoDataOffset;

    [FieldOffset(32)]
    internal ulong MmioAddress;

    [FieldOffset(40)]
    internal fixed byte MmioData[8];

    [FieldOffset(48)]
    internal uint MmioLength;

    [FieldOffset(52)]
    internal byte MmioIsWrite;

    [FieldOffset(32)]
    internal ulong HardwareReason;

    [FieldOffset(32)]
    internal uint InternalSubError;

    [FieldOffset(36)]
    internal uint InternalCount;

    [FieldOffset(40)]
    internal fixed ulong InternalData[16];

    [FieldOffset(32)]
    internal uint SystemEventType;

    [FieldOffset(40)]
    internal ulong FaultAddress;
}
