// Written by StubListing in the tests: change StubProgram there, then run StubCodeTests with HYPERSPAN_REGENERATE_STUBS=1.
namespace Hyperspan.Guarding;

/// <summary>The guard's machine code for x86-64 and where its parts lie.</summary>
internal static partial class StubCode
{
    /// <summary>Length of the whole image.</summary>
    internal const int Length = 0x858;

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
    internal const int FillOffset = 0x200;
    internal const int CopySseOffset = 0x300;
    internal const int CopyAvxOffset = 0x540;
    internal const int SegvPreviousOffset = 0x808;
    internal const int SegvModeOffset = 0x810;
    internal const int BusPreviousOffset = 0x818;
    internal const int BusModeOffset = 0x820;
    internal const int RepeatCopyFromOffset = 0x828;
    internal const int RepeatFillFromOffset = 0x830;

    /// <summary>Writes the image, all sections one after the other.</summary>
    internal static void CopyTo(Span<byte> image)
    {
        HandlerSection.CopyTo(image[0x0..]);
        ScalarsSection.CopyTo(image[0x100..]);
        FillSection.CopyTo(image[0x200..]);
        CopySseSection.CopyTo(image[0x300..]);
        CopyAvxSection.CopyTo(image[0x540..]);
        DataSection.CopyTo(image[0x800..]);
    }
}
