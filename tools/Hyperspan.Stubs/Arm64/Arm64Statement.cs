namespace Hyperspan.Stubs.Arm64;

/// <summary>A line of the program: the labels before it, what is assembled, and how many bytes that makes.</summary>
/// <param name="Labels">The labels that name its address.</param>
/// <param name="Text">The instruction or directive, in an assembler's notation.</param>
/// <param name="Length">Four for an instruction, eight for a word of data.</param>
/// <param name="Alternative">What takes its place where the processor has <paramref name="Feature"/>; of the same length.</param>
/// <param name="Feature">The processor feature that the alternative needs.</param>
internal sealed record Arm64Statement(IReadOnlyList<string> Labels, string Text, int Length, string? Alternative = null, Arm64Feature Feature = Arm64Feature.None);
