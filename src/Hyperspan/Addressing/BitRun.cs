namespace Hyperspan;

/// <summary>Set bits of a word that follow each other, as many as there are.</summary>
/// <param name="First">The number of the lowest.</param>
/// <param name="Count">How many there are, from 1 to 64.</param>
internal readonly record struct BitRun(int First, int Count)
{
    /// <summary>Gets a word with these bits set.</summary>
    internal ulong Bits => ulong.MaxValue >> (64 - Count) << First;
}
