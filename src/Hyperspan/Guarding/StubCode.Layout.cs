// Written by StubListing in the tests: change StubProgram there, then run StubCodeTests with HYPERSPAN_REGENERATE_STUBS=1.
namespace Hyperspan.Guarding;

/// <summary>The guard's machine code for x86-64 and where its parts lie.</summary>
internal static partial class StubCode
{
    /// <summary>Length of the whole image.</summary>
    internal const int Length = 0xD60;

    internal const int HandlerOffset = 0x0;
    internal const int Load1Offset = 0x100;
    internal const int Load2Offset = 0x110;
    internal const int Load4Offset = 0x120;
    internal const int Load8Offset = 0x130;
    internal const int Store1Offset = 0x140;
    internal const int Store2Offset = 0x150;
    internal const int Store4Offset = 0x160;
    internal const int Store8Offset = 0x170;
    internal const int CompareExchange1Offset = 0x180;
    internal const int CompareExchange2Offset = 0x190;
    internal const int CompareExchange4Offset = 0x1A0;
    internal const int CompareExchange8Offset = 0x1B0;
    internal const int ProbeWriteOffset = 0x1C0;
    internal const int BitCheckedLoad1Offset = 0x1E0;
    internal const int BitCheckedLoad2Offset = 0x220;
    internal const int BitCheckedLoad4Offset = 0x260;
    internal const int BitCheckedLoad8Offset = 0x2B0;
    internal const int BitCheckedStore1Offset = 0x300;
    internal const int BitCheckedStore2Offset = 0x350;
    internal const int BitCheckedStore4Offset = 0x3A0;
    internal const int BitCheckedStore8Offset = 0x3F0;
    internal const int BitCheckedCompareExchange1Offset = 0x440;
    internal const int BitCheckedCompareExchange2Offset = 0x490;
    internal const int BitCheckedCompareExchange4Offset = 0x4E0;
    internal const int BitCheckedCompareExchange8Offset = 0x530;
    internal const int FillOffset = 0x580;
    internal const int CopySseOffset = 0x680;
    internal const int CopyAvxOffset = 0x8C0;
    internal const int SegvPreviousOffset = 0xB88;
    internal const int SegvModeOffset = 0xB90;
    internal const int BusPreviousOffset = 0xB98;
    internal const int BusModeOffset = 0xBA0;
    internal const int RepeatCopyFromOffset = 0xBA8;
    internal const int RepeatFillFromOffset = 0xBB0;
    internal const int RestartableAreaOffset = 0xBB8;
    internal const int SequencesOffset = 0xBE0;

    /// <summary>Writes the image, all sections one after the other.</summary>
    internal static void CopyTo(Span<byte> image)
    {
        HandlerSection.CopyTo(image[0x0..]);
        ScalarsSection.CopyTo(image[0x100..]);
        BitCheckedSection.CopyTo(image[0x1E0..]);
        FillSection.CopyTo(image[0x580..]);
        CopySseSection.CopyTo(image[0x680..]);
        CopyAvxSection.CopyTo(image[0x8C0..]);
        DataSection.CopyTo(image[0xB80..]);
    }
}
