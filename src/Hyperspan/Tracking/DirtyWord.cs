namespace Hyperspan;

/// <summary>64 neighbouring pages in which one at least is dirty.</summary>
/// <param name="Index">The number of the first page, divided by 64.</param>
/// <param name="Bits">The dirty ones.</param>
internal readonly record struct DirtyWord(ulong Index, ulong Bits)
{
    /// <summary>Finds the first of sorted words whose index is not below a number; their count where there is none.</summary>
    internal static int FirstAtOrAbove(ReadOnlySpan<DirtyWord> words, ulong index) => SortedSearch.FirstNotBelow(words, index, static word => word.Index);
}
