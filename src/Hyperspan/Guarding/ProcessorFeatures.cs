using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Guarding;

/// <summary>What the processor has that machine code is chosen by, and the runtime does not tell.</summary>
internal static class ProcessorFeatures
{
    // Below these the vector loops win, and above them where the processor has fast string operations it is the microcode.
    private const ulong FastCopyFrom = 12288;
    private const ulong FastFillFrom = 4096;

    /// <summary>Gets the least length of a copy that is left to the processor's string operation.</summary>
    internal static ulong RepeatCopyFrom => HasFastStrings() ? FastCopyFrom : ulong.MaxValue;

    /// <summary>Gets the least length of a fill that is left to the processor's string operation.</summary>
    internal static ulong RepeatFillFrom => HasFastStrings() ? FastFillFrom : ulong.MaxValue;

    /// <summary>Gets a value indicating whether the processor has atomic instructions (LSE). On Linux on arm64 alone.</summary>
    internal static bool HasArm64Atomics => (Capabilities & LinuxConstants.HWCAP_ATOMICS) != 0;

    /// <summary>Gets a value indicating whether the processor has acquiring loads that need not wait for the thread's own releases (LRCPC). On Linux on arm64 alone.</summary>
    internal static bool HasArm64ProcessorConsistency => (Capabilities & LinuxConstants.HWCAP_LRCPC) != 0;

    private static nuint Capabilities => ArmBase.Arm64.IsSupported ? LibC.GetAuxiliaryValue(LinuxConstants.AT_HWCAP) : 0;

    private static bool HasFastStrings()
    {
        const int EnhancedRepMovsb = 1 << 9;
        return X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ebx & EnhancedRepMovsb) != 0;
    }
}
