namespace Hyperspan;

/// <summary>64 neighbouring pages in which one at least is dirty.</summary>
/// <param name="Index">The number of the first page, divided by 64.</param>
/// <param name="Bits">The dirty ones.</param>
internal readonly record struct DirtyWord(ulong Index, ulong Bits)
{
    internal static readonly IComparer<DirtyWord> ByIndex = Comparer<DirtyWord>.Create(static (left, right) => left.Index.CompareTo(right.Index));
}
