using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Hyperspan.Guarding;

/// <summary>
/// How this process guards its accesses and where its machine code lies, as static read-only fields, which optimized code folds to constants. There is
/// deliberately no static constructor: with field initializers alone such code needs no check that the class was initialized.
/// </summary>
internal static unsafe class GuardEntry
{
    // The fields below depend on this one: initializers run in the order of the text, which is why all of them are in one file.
    private static readonly GuardInstallation Installation = GuardInstallation.Install();

    public static readonly bool IsSupported = Installation.IsSupported;

    public static readonly bool UsesMachineCode = Installation.Code is not null;

    public static readonly bool HasRestartableSequences = Installation.HasRestartableSequences;

    public static readonly string Description = Installation.Description;

    /// <summary>Where the image of <see cref="StubCode"/> lies, executable, for the life of the process; null unless <see cref="UsesMachineCode"/>.</summary>
    public static readonly byte* Code = Installation.Code;

    /// <summary>The copy that suits the processor.</summary>
    public static readonly int CopyOffset =
        ArmBase.Arm64.IsSupported ? Arm64StubCode.CopyOffset
        : Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? OperatingSystem.IsWindows() ? WindowsX64StubCode.CopyAvx512Offset : X64StubCode.CopyAvx512Offset
        : Avx.IsSupported ? OperatingSystem.IsWindows() ? WindowsX64StubCode.CopyAvxOffset : X64StubCode.CopyAvxOffset
        : OperatingSystem.IsWindows() ? WindowsX64StubCode.CopySseOffset : X64StubCode.CopySseOffset;

    /// <summary>The least length from which the processor's string operation copies faster than any loop; none where it has no fast ones.</summary>
    public static readonly ulong RepeatFrom = Installation.RepeatFrom;

    /// <summary>
    /// The same address as <see cref="Code"/>, for calls with a transition that the collector can see. It is not readonly, on purpose: of two constants with
    /// the same value the JIT makes one, may take two calls of one address for the same, and merge them into one without the transition. Memory whose faults
    /// block would then keep the collector waiting for ever. A call through a variable is another call.
    /// </summary>
    public static byte* BlockingCode = Installation.Code;
}
