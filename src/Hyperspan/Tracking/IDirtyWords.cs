namespace Hyperspan;

/// <summary>Receives the marks of a <see cref="DirtyMap"/>, 64 pages at a time.</summary>
internal interface IDirtyWords
{
    /// <summary>Receives a word.</summary>
    /// <param name="word">Its index: its lowest bit stands for 64 times that page.</param>
    /// <param name="bits">The pages.</param>
    void Add(ulong word, ulong bits);
}
