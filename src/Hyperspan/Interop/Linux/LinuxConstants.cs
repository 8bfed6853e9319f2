using System.Runtime.Intrinsics.Arm;

namespace Hyperspan.Interop.Linux;

/// <summary>
/// Constants of the Linux ABI, under the names that the C headers give them; what has no name there, as offsets in structures, is named as elsewhere
/// here. What x86-64 and arm64 have different is a property, a constant to the JIT. Tests compare all of them with the headers where a C compiler is present.
/// </summary>
internal static partial class LinuxConstants
{
    private static bool IsArm64 => ArmBase.Arm64.IsSupported;
}
