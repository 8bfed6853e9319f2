using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Tests.Guarding;

/// <summary>One implementation of the guarded accesses, also one that would not be chosen on this machine.</summary>
internal sealed unsafe class GuardUnderTest
{
    private static readonly string? SubstituteRefusal =
        !OperatingSystem.IsLinux() ? "the substitute is of Linux" : SubstituteGuard.TryProbe(out string refusal) ? null : refusal;

    private readonly GuardKind _kind;
    private readonly bool _mayBlock;

    public GuardUnderTest(GuardKind kind, bool mayBlock = false)
    {
        Skip.IfNot(Guard.IsSupported, Guard.Description);
        Skip.If(kind != GuardKind.Substitute && !Guard.UsesMachineCode, Guard.Description);
        Skip.If(kind == GuardKind.Substitute && SubstituteRefusal is not null, SubstituteRefusal);
        Skip.If(kind == GuardKind.Avx && !Avx.IsSupported, "the processor lacks AVX");
        Skip.If(kind == GuardKind.Avx512 && !Avx512F.IsSupported, "the processor lacks AVX-512");
        _kind = kind;
        _mayBlock = mayBlock;
    }

    /// <summary>The implementations that are looked at on this system. Others than Linux have no substitute, and what their processor lacks is left out.</summary>
    public static IEnumerable<GuardKind> Kinds => OperatingSystem.IsLinux()
        ? Enum.GetValues<GuardKind>()
        : Enum.GetValues<GuardKind>().Where(kind => kind switch
        {
            GuardKind.Baseline => true,
            GuardKind.Avx => Avx.IsSupported,
            GuardKind.Avx512 => Avx512F.IsSupported,
            _ => false,
        });

    public bool IsSubstitute => _kind == GuardKind.Substitute;

    /// <summary>The status this implementation reports for a signal.</summary>
    public ulong StatusOf(int signal) => (ulong)(IsSubstitute ? LinuxConstants.SIGSEGV : signal);

    public GuardedResult Load(byte* p, int size) => IsSubstitute ? SubstituteGuard.Load(p, size) : size switch
    {
        1 => Guard.Load<byte>(p, _mayBlock),
        2 => Guard.Load<ushort>(p, _mayBlock),
        4 => Guard.Load<uint>(p, _mayBlock),
        _ => Guard.Load<ulong>(p, _mayBlock),
    };

    public GuardedResult Store(byte* p, ulong value, int size) => IsSubstitute ? SubstituteGuard.Store(p, value, size) : size switch
    {
        1 => Guard.Store(p, (byte)value, _mayBlock),
        2 => Guard.Store(p, (ushort)value, _mayBlock),
        4 => Guard.Store(p, (uint)value, _mayBlock),
        _ => Guard.Store(p, value, _mayBlock),
    };

    public GuardedResult CompareExchange(byte* p, ulong comparand, ulong value, int size) =>
        IsSubstitute ? SubstituteGuard.CompareExchange(p, comparand, value, size) : size switch
        {
            1 => Guard.CompareExchange(p, (byte)value, (byte)comparand, _mayBlock),
            2 => Guard.CompareExchange(p, (ushort)value, (ushort)comparand, _mayBlock),
            4 => Guard.CompareExchange(p, (uint)value, (uint)comparand, _mayBlock),
            _ => Guard.CompareExchange(p, value, comparand, _mayBlock),
        };

    public GuardedResult ProbeWrite(byte* p) => IsSubstitute ? SubstituteGuard.ProbeWrite(p) : Guard.ProbeWrite(p, _mayBlock);

    public GuardedResult Fill(byte* p, byte value, nuint length) =>
        IsSubstitute ? SubstituteGuard.Fill(p, value, length) : Guard.Fill(p, value, length, _mayBlock);

    public GuardedResult Copy(byte* destination, byte* source, nuint length)
    {
        if (IsSubstitute)
        {
            return SubstituteGuard.Copy(destination, source, length);
        }

        // The installed image holds all copies, whichever the processor made Guard choose.
        byte* copy = GuardEntry.Code + _kind switch
        {
            GuardKind.Avx => OperatingSystem.IsWindows() ? WindowsX64StubCode.CopyAvxOffset : X64StubCode.CopyAvxOffset,
            GuardKind.Avx512 => OperatingSystem.IsWindows() ? WindowsX64StubCode.CopyAvx512Offset : X64StubCode.CopyAvx512Offset,
            _ when OperatingSystem.IsWindows() => WindowsX64StubCode.CopySseOffset,
            _ => ArmBase.Arm64.IsSupported ? Arm64StubCode.CopyOffset : X64StubCode.CopySseOffset,
        };
        return _mayBlock
            ? ((delegate* unmanaged[Cdecl]<byte*, byte*, nuint, GuardedResult>)copy)(destination, source, length)
            : ((delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, nuint, GuardedResult>)copy)(destination, source, length);
    }
}
