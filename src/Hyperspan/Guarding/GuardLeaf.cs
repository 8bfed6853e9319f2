namespace Hyperspan.Guarding;

/// <summary>
/// The machine code of guarded scalar accesses as functions of the managed calling convention, for the access paths that are inlined into callers.
/// Only where <see cref="Guard.UsesMachineCode"/>, and those that look at a bit where <see cref="Guard.SupportsRestartableSequences"/>.
/// </summary>
/// <remarks>
/// <para>
/// On x86-64 Linux the managed convention passes these arguments, and returns two words, in the same registers as C does. What differs is the call site:
/// nothing but the call. A call by the unmanaged convention without transition adds a poll for the collector; and where the optimizer's profile says that the place
/// is rarely reached (it was trained on memory that cannot fault, say), it becomes a call through a helper of the runtime that costs 4 ns more.
/// </para>
/// <para>
/// To the collector both are the same. The thread counts as running managed code, at an address that is no managed code: it cannot be stopped there, only after
/// it has returned, and no stack is walked meanwhile. The functions call nothing.
/// </para>
/// </remarks>
internal static unsafe class GuardLeaf
{
    public static readonly delegate*<byte*, GuardedResult> Load1 =
        (delegate*<byte*, GuardedResult>)(void*)GuardEntry.Load1Suppressed;

    public static readonly delegate*<byte*, GuardedResult> Load2 =
        (delegate*<byte*, GuardedResult>)(void*)GuardEntry.Load2Suppressed;

    public static readonly delegate*<byte*, GuardedResult> Load4 =
        (delegate*<byte*, GuardedResult>)(void*)GuardEntry.Load4Suppressed;

    public static readonly delegate*<byte*, GuardedResult> Load8 =
        (delegate*<byte*, GuardedResult>)(void*)GuardEntry.Load8Suppressed;

    public static readonly delegate*<byte*, ulong, GuardedResult> Store1 =
        (delegate*<byte*, ulong, GuardedResult>)(void*)GuardEntry.Store1Suppressed;

    public static readonly delegate*<byte*, ulong, GuardedResult> Store2 =
        (delegate*<byte*, ulong, GuardedResult>)(void*)GuardEntry.Store2Suppressed;

    public static readonly delegate*<byte*, ulong, GuardedResult> Store4 =
        (delegate*<byte*, ulong, GuardedResult>)(void*)GuardEntry.Store4Suppressed;

    public static readonly delegate*<byte*, ulong, GuardedResult> Store8 =
        (delegate*<byte*, ulong, GuardedResult>)(void*)GuardEntry.Store8Suppressed;

    public static readonly delegate*<byte*, byte*, ulong, GuardedResult> BitCheckedLoad1 =
        (delegate*<byte*, byte*, ulong, GuardedResult>)(void*)GuardEntry.BitCheckedLoad1Suppressed;

    public static readonly delegate*<byte*, byte*, ulong, GuardedResult> BitCheckedLoad2 =
        (delegate*<byte*, byte*, ulong, GuardedResult>)(void*)GuardEntry.BitCheckedLoad2Suppressed;

    public static readonly delegate*<byte*, byte*, ulong, GuardedResult> BitCheckedLoad4 =
        (delegate*<byte*, byte*, ulong, GuardedResult>)(void*)GuardEntry.BitCheckedLoad4Suppressed;

    public static readonly delegate*<byte*, byte*, ulong, GuardedResult> BitCheckedLoad8 =
        (delegate*<byte*, byte*, ulong, GuardedResult>)(void*)GuardEntry.BitCheckedLoad8Suppressed;

    public static readonly delegate*<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore1 =
        (delegate*<byte*, ulong, byte*, ulong, GuardedResult>)(void*)GuardEntry.BitCheckedStore1Suppressed;

    public static readonly delegate*<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore2 =
        (delegate*<byte*, ulong, byte*, ulong, GuardedResult>)(void*)GuardEntry.BitCheckedStore2Suppressed;

    public static readonly delegate*<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore4 =
        (delegate*<byte*, ulong, byte*, ulong, GuardedResult>)(void*)GuardEntry.BitCheckedStore4Suppressed;

    public static readonly delegate*<byte*, ulong, byte*, ulong, GuardedResult> BitCheckedStore8 =
        (delegate*<byte*, ulong, byte*, ulong, GuardedResult>)(void*)GuardEntry.BitCheckedStore8Suppressed;

    /// <summary>
    /// Copies to managed memory that is not pinned: the reference is the collector's until the call, and no collection runs before the function has returned.
    /// At most <see cref="Guard.SuppressedLimit"/> bytes, because a collection has to wait meanwhile.
    /// </summary>
    public static readonly delegate*<ref byte, byte*, nuint, GuardedResult> CopyOut =
        (delegate*<ref byte, byte*, nuint, GuardedResult>)(void*)GuardEntry.CopySuppressed;

    /// <summary>Copies from managed memory; see <see cref="CopyOut"/>.</summary>
    public static readonly delegate*<byte*, ref byte, nuint, GuardedResult> CopyIn =
        (delegate*<byte*, ref byte, nuint, GuardedResult>)(void*)GuardEntry.CopySuppressed;
}
