namespace Hyperspan.UserFaults;

/// <summary>Whole pages of this process.</summary>
/// <param name="Start">The address of the first.</param>
/// <param name="End">The address behind the last.</param>
/// <param name="Shift">Their size, as a power of two.</param>
/// <param name="IsPrivate">Whether pages that are not there are zero, and are to be told of too: private memory, of which nothing else remembers that they were not.</param>
/// <param name="Name">The name of the memory, for errors.</param>
internal readonly record struct PageExtent(ulong Start, ulong End, int Shift, bool IsPrivate, string Name)
{
    /// <summary>Gets the length of what there is for the words of its pages: one of 4 bytes for each.</summary>
    internal ulong WordsLength => PageMath.RoundUp(((End - Start) >> Shift) * sizeof(uint), PageMath.PageSize);
}
