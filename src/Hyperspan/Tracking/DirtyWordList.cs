namespace Hyperspan;

/// <summary>Collects dirty pages in ascending order. Not thread-safe.</summary>
internal struct DirtyWordList() : IDirtyWords
{
    private readonly List<DirtyWord> _words = [];

    internal readonly List<DirtyWord> Words => _words;

    /// <inheritdoc/>
    public readonly void Add(ulong word, ulong bits)
    {
        if (bits == 0)
        {
            return;
        }

        if (_words is [.., var last] && last.Index == word)
        {
            _words[^1] = last with { Bits = last.Bits | bits };
        }
        else
        {
            _words.Add(new DirtyWord(word, bits));
        }
    }

    /// <summary>Adds the pages from one to another; none of them lies in a word before the last one.</summary>
    internal readonly void AddPages(ulong first, ulong last)
    {
        for (ulong word = first >> DirtyMap.WordShift; word <= last >> DirtyMap.WordShift; word++)
        {
            ulong start = word << DirtyMap.WordShift;
            ulong bits = ulong.MaxValue << (int)(first > start ? first - start : 0);
            bits &= ulong.MaxValue >> (int)(last < start + 63 ? start + 63 - last : 0);
            Add(word, bits);
        }
    }
}
