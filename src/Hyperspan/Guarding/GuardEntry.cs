using System.Runtime.Intrinsics.X86;

namespace Hyperspan.Guarding;

/// <summary>
/// The entry points of the machine code as static read-only fields, which optimized code folds to constants. There is
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

    // SAFETY: the entries are called only where UsesMachineCode is true; then the image of StubCode lies at this address,
    // executable, for the life of the process, and the signatures are those its listing states.
    //
    // Those with an ordinary transition are not readonly, on purpose: of two constants with the same value the JIT makes one, takes the two calls in
    // "mayBlock ? Load8(p) : Load8Suppressed(p)" for the same, and merges them into a call without the transition. Memory whose faults block would then keep the
    // collector waiting for ever. A call through a variable is another call.
    private static readonly byte* Code = Installation.Code;

    private static readonly int CopyOffset = Avx.IsSupported ? StubCode.CopyAvxOffset : StubCode.CopySseOffset;

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult> Load1Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult>)(Code + StubCode.Load1Offset);

    public static delegate* unmanaged[Cdecl]<byte*, GuardedResult> Load1 =
        (delegate* unmanaged[Cdecl]<byte*, GuardedResult>)(Code + StubCode.Load1Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult> Load2Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult>)(Code + StubCode.Load2Offset);

    public static delegate* unmanaged[Cdecl]<byte*, GuardedResult> Load2 =
        (delegate* unmanaged[Cdecl]<byte*, GuardedResult>)(Code + StubCode.Load2Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult> Load4Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult>)(Code + StubCode.Load4Offset);

    public static delegate* unmanaged[Cdecl]<byte*, GuardedResult> Load4 =
        (delegate* unmanaged[Cdecl]<byte*, GuardedResult>)(Code + StubCode.Load4Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult> Load8Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult>)(Code + StubCode.Load8Offset);

    public static delegate* unmanaged[Cdecl]<byte*, GuardedResult> Load8 =
        (delegate* unmanaged[Cdecl]<byte*, GuardedResult>)(Code + StubCode.Load8Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, GuardedResult> Store1Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, GuardedResult>)(Code + StubCode.Store1Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, GuardedResult> Store1 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, GuardedResult>)(Code + StubCode.Store1Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, GuardedResult> Store2Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, GuardedResult>)(Code + StubCode.Store2Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, GuardedResult> Store2 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, GuardedResult>)(Code + StubCode.Store2Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, GuardedResult> Store4Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, GuardedResult>)(Code + StubCode.Store4Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, GuardedResult> Store4 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, GuardedResult>)(Code + StubCode.Store4Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, GuardedResult> Store8Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, GuardedResult>)(Code + StubCode.Store8Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, GuardedResult> Store8 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, GuardedResult>)(Code + StubCode.Store8Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, GuardedResult> CompareExchange1Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, GuardedResult>)(Code + StubCode.CompareExchange1Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, ulong, GuardedResult> CompareExchange1 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, ulong, GuardedResult>)(Code + StubCode.CompareExchange1Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, GuardedResult> CompareExchange2Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, GuardedResult>)(Code + StubCode.CompareExchange2Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, ulong, GuardedResult> CompareExchange2 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, ulong, GuardedResult>)(Code + StubCode.CompareExchange2Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, GuardedResult> CompareExchange4Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, GuardedResult>)(Code + StubCode.CompareExchange4Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, ulong, GuardedResult> CompareExchange4 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, ulong, GuardedResult>)(Code + StubCode.CompareExchange4Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, GuardedResult> CompareExchange8Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, GuardedResult>)(Code + StubCode.CompareExchange8Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, ulong, GuardedResult> CompareExchange8 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, ulong, GuardedResult>)(Code + StubCode.CompareExchange8Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult> ProbeWriteSuppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, GuardedResult>)(Code + StubCode.ProbeWriteOffset);

    public static delegate* unmanaged[Cdecl]<byte*, GuardedResult> ProbeWrite =
        (delegate* unmanaged[Cdecl]<byte*, GuardedResult>)(Code + StubCode.ProbeWriteOffset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte, nuint, GuardedResult> FillSuppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte, nuint, GuardedResult>)(Code + StubCode.FillOffset);

    public static delegate* unmanaged[Cdecl]<byte*, byte, nuint, GuardedResult> Fill =
        (delegate* unmanaged[Cdecl]<byte*, byte, nuint, GuardedResult>)(Code + StubCode.FillOffset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, nuint, GuardedResult> CopySuppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, nuint, GuardedResult>)(Code + CopyOffset);

    public static delegate* unmanaged[Cdecl]<byte*, byte*, nuint, GuardedResult> Copy =
        (delegate* unmanaged[Cdecl]<byte*, byte*, nuint, GuardedResult>)(Code + CopyOffset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, ulong, GuardedResult> BitCheckedLoad1Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedLoad1Offset);

    public static delegate* unmanaged[Cdecl]<byte*, byte*, ulong, GuardedResult> BitCheckedLoad1 =
        (delegate* unmanaged[Cdecl]<byte*, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedLoad1Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, ulong, GuardedResult> BitCheckedLoad2Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedLoad2Offset);

    public static delegate* unmanaged[Cdecl]<byte*, byte*, ulong, GuardedResult> BitCheckedLoad2 =
        (delegate* unmanaged[Cdecl]<byte*, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedLoad2Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, ulong, GuardedResult> BitCheckedLoad4Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedLoad4Offset);

    public static delegate* unmanaged[Cdecl]<byte*, byte*, ulong, GuardedResult> BitCheckedLoad4 =
        (delegate* unmanaged[Cdecl]<byte*, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedLoad4Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, ulong, GuardedResult> BitCheckedLoad8Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedLoad8Offset);

    public static delegate* unmanaged[Cdecl]<byte*, byte*, ulong, GuardedResult> BitCheckedLoad8 =
        (delegate* unmanaged[Cdecl]<byte*, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedLoad8Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore1Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedStore1Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore1 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedStore1Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore2Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedStore2Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore2 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedStore2Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore4Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedStore4Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore4 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedStore4Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore8Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedStore8Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore8 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedStore8Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, byte*, ulong, GuardedResult> BitCheckedCompareExchange1Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedCompareExchange1Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, ulong, byte*, ulong, GuardedResult> BitCheckedCompareExchange1 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedCompareExchange1Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, byte*, ulong, GuardedResult> BitCheckedCompareExchange2Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedCompareExchange2Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, ulong, byte*, ulong, GuardedResult> BitCheckedCompareExchange2 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedCompareExchange2Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, byte*, ulong, GuardedResult> BitCheckedCompareExchange4Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedCompareExchange4Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, ulong, byte*, ulong, GuardedResult> BitCheckedCompareExchange4 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedCompareExchange4Offset);

    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, byte*, ulong, GuardedResult> BitCheckedCompareExchange8Suppressed =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, ulong, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedCompareExchange8Offset);

    public static delegate* unmanaged[Cdecl]<byte*, ulong, ulong, byte*, ulong, GuardedResult> BitCheckedCompareExchange8 =
        (delegate* unmanaged[Cdecl]<byte*, ulong, ulong, byte*, ulong, GuardedResult>)(Code + StubCode.BitCheckedCompareExchange8Offset);
}
