using Hyperspan.Interop.Linux;

namespace Hyperspan;

/// <summary>Why a fast path has not done an access. The slow path goes on from there.</summary>
internal enum Obstacle : ulong
{
    /// <summary>It does not reach the memory, or not all of it: everything is still to be done.</summary>
    NotReached = 0,

    /// <summary>It has done the access, but the gate was disturbed: whether that counts has to be asked.</summary>
    DisturbedGate = 1,

    /// <summary>A guarded access has met SIGBUS.</summary>
    BusError = LinuxConstants.SIGBUS,

    /// <summary>A guarded access has met SIGSEGV.</summary>
    SegmentationFault = LinuxConstants.SIGSEGV,
}
