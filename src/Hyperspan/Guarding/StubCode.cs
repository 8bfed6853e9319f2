using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Hyperspan.Guarding;

/// <summary>
/// The machine code of this processor and system: <see cref="X64StubCode"/>, <see cref="Arm64StubCode"/> or <see cref="WindowsX64StubCode"/>. Which of them is a constant to the
/// JIT, so that a call of a stub is one of a constant address, and a program that is compiled ahead carries one of the images.
/// </summary>
internal static class StubCode
{
    /// <summary>What a bit-checked stub answers, having done nothing, in a thread without restartable sequences.</summary>
    internal const ulong StatusNotRestartable = X64StubCode.StatusNotRestartable;

    /// <summary>What it answers where the bit is clear. Only a short write may have been done in part: the value says how far.</summary>
    internal const ulong StatusBitClear = X64StubCode.StatusBitClear;

    /// <summary>How many bytes of a thread's area for restartable sequences are used.</summary>
    internal const int RestartableAreaLength = X64StubCode.RestartableAreaLength;

    /// <summary>Whether there is code for this processor on this system.</summary>
    internal static bool IsSupported => X86Base.X64.IsSupported || (ArmBase.Arm64.IsSupported && OperatingSystem.IsLinux());

    internal static int ProbeWriteOffset =>
        ArmBase.Arm64.IsSupported ? Arm64StubCode.ProbeWriteOffset : OperatingSystem.IsWindows() ? WindowsX64StubCode.ProbeWriteOffset : X64StubCode.ProbeWriteOffset;

    internal static int KeepPagesOffset => ArmBase.Arm64.IsSupported ? Arm64StubCode.KeepPagesOffset : X64StubCode.KeepPagesOffset;

    internal static int FillOffset =>
        ArmBase.Arm64.IsSupported ? Arm64StubCode.FillOffset : OperatingSystem.IsWindows() ? WindowsX64StubCode.FillOffset : X64StubCode.FillOffset;

    /// <summary>On x86-64 alone: see <see cref="Guard.CopiesUpwards"/>.</summary>
    internal static int CopyUpwardsOffset => OperatingSystem.IsWindows() ? WindowsX64StubCode.CopyUpwardsOffset : X64StubCode.CopyUpwardsOffset;

    internal static int HandlerOffset => ArmBase.Arm64.IsSupported ? Arm64StubCode.HandlerOffset : X64StubCode.HandlerOffset;

    /// <summary>Offsets of the words that hold offsets into the image, and are to hold addresses.</summary>
    internal static ReadOnlySpan<int> AddressWords => ArmBase.Arm64.IsSupported ? Arm64StubCode.AddressWords : X64StubCode.AddressWords;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int LoadOffset(int size) => ArmBase.Arm64.IsSupported ? Arm64StubCode.LoadOffset(size)
        : OperatingSystem.IsWindows() ? WindowsX64StubCode.LoadOffset(size)
        : X64StubCode.LoadOffset(size);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int StoreOffset(int size) => ArmBase.Arm64.IsSupported ? Arm64StubCode.StoreOffset(size)
        : OperatingSystem.IsWindows() ? WindowsX64StubCode.StoreOffset(size)
        : X64StubCode.StoreOffset(size);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int CompareExchangeOffset(int size) => ArmBase.Arm64.IsSupported ? Arm64StubCode.CompareExchangeOffset(size)
        : OperatingSystem.IsWindows() ? WindowsX64StubCode.CompareExchangeOffset(size)
        : X64StubCode.CompareExchangeOffset(size);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int BitCheckedLoadOffset(int size) =>
        ArmBase.Arm64.IsSupported ? Arm64StubCode.BitCheckedLoadOffset(size) : X64StubCode.BitCheckedLoadOffset(size);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int BitCheckedStoreOffset(int size) =>
        ArmBase.Arm64.IsSupported ? Arm64StubCode.BitCheckedStoreOffset(size) : X64StubCode.BitCheckedStoreOffset(size);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int BitCheckedCompareExchangeOffset(int size) =>
        ArmBase.Arm64.IsSupported ? Arm64StubCode.BitCheckedCompareExchangeOffset(size) : X64StubCode.BitCheckedCompareExchangeOffset(size);

    internal static int BitCheckedReadOffset => ArmBase.Arm64.IsSupported ? Arm64StubCode.BitCheckedReadOffset : X64StubCode.BitCheckedReadOffset;

    internal static int BitCheckedWriteOffset => ArmBase.Arm64.IsSupported ? Arm64StubCode.BitCheckedWriteOffset
        : Avx.IsSupported ? X64StubCode.BitCheckedWriteAvxOffset
        : X64StubCode.BitCheckedWriteOffset;

    internal static int TranslatedReadOffset => ArmBase.Arm64.IsSupported ? Arm64StubCode.TranslatedReadOffset : X64StubCode.TranslatedReadOffset;

    internal static int TranslatedWriteOffset => ArmBase.Arm64.IsSupported ? Arm64StubCode.TranslatedWriteOffset
        : Avx.IsSupported ? X64StubCode.TranslatedWriteAvxOffset
        : X64StubCode.TranslatedWriteOffset;

    /// <summary>How far the stubs for translated addresses lie from those for bits, each from the one for the same access.</summary>
    internal static int TranslatedDistance => ArmBase.Arm64.IsSupported
        ? Arm64StubCode.TranslatedOffset - Arm64StubCode.BitCheckedLoadOffset(1)
        : X64StubCode.TranslatedOffset - X64StubCode.BitCheckedLoadOffset(1);

    /// <summary>Makes the image that is to be placed, for the processor as it is.</summary>
    /// <param name="segv">What handled SIGSEGV so far.</param>
    /// <param name="bus">What handled SIGBUS so far.</param>
    /// <param name="restartableArea">The distance of a thread's area for restartable sequences from its thread pointer.</param>
    internal static byte[] Complete(in PreviousHandler segv, in PreviousHandler bus, long restartableArea)
    {
        byte[] image;
        if (ArmBase.Arm64.IsSupported)
        {
            image = Arm64StubCode.Image.ToArray();
            if (ProcessorFeatures.HasArm64Atomics)
            {
                Replace(image, Arm64StubCode.AtomicsAlternatives);
            }

            if (ProcessorFeatures.HasArm64ProcessorConsistency)
            {
                Replace(image, Arm64StubCode.ProcessorConsistencyAlternatives);
            }

            Write(image, Arm64StubCode.SegvPreviousOffset, segv.Address);
            Write(image, Arm64StubCode.SegvModeOffset, segv.Mode);
            Write(image, Arm64StubCode.BusPreviousOffset, bus.Address);
            Write(image, Arm64StubCode.BusModeOffset, bus.Mode);
            Write(image, Arm64StubCode.RestartableAreaOffset, (ulong)restartableArea);
        }
        else
        {
            image = X64StubCode.Image.ToArray();
            Write(image, X64StubCode.SegvPreviousOffset, segv.Address);
            Write(image, X64StubCode.SegvModeOffset, segv.Mode);
            Write(image, X64StubCode.BusPreviousOffset, bus.Address);
            Write(image, X64StubCode.BusModeOffset, bus.Mode);
            Write(image, X64StubCode.RepeatCopyFromOffset, ProcessorFeatures.RepeatCopyFrom);
            Write(image, X64StubCode.RepeatFillFromOffset, ProcessorFeatures.RepeatFillFrom);
            Write(image, X64StubCode.RestartableAreaOffset, (ulong)restartableArea);
        }

        return image;
    }

    /// <summary>The same for Windows, where nothing needs to be known of other handlers.</summary>
    internal static byte[] CompleteForWindows()
    {
        byte[] image = WindowsX64StubCode.Image.ToArray();
        Write(image, WindowsX64StubCode.RepeatCopyFromOffset, ProcessorFeatures.RepeatCopyFrom);
        Write(image, WindowsX64StubCode.RepeatFillFromOffset, ProcessorFeatures.RepeatFillFrom);
        return image;
    }

    /// <summary>Puts instructions where others stand: pairs of an offset and an instruction.</summary>
    private static void Replace(byte[] image, ReadOnlySpan<uint> alternatives)
    {
        for (int i = 0; i < alternatives.Length; i += 2)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan((int)alternatives[i]), alternatives[i + 1]);
        }
    }

    private static void Write(byte[] image, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(offset), value);
}
