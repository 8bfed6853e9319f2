using System.Buffers.Binary;
using System.Collections;
using System.Diagnostics;
using System.Numerics;

namespace Hyperspan;

/// <summary>
/// The pages that were written in one period of a <see cref="DirtyLog"/>. Enumerates as ranges of whole pages, in ascending order, none touching the next. Immutable.
/// </summary>
/// <remarks>Takes 16 bytes for each 64 neighbouring pages in which one is dirty.</remarks>
[DebuggerDisplay("{Count} pages of {PageSize} bytes")]
public sealed class DirtyPages : IEnumerable<GuestRange>
{
    private readonly DirtyWord[] _words;
    private readonly int _shift;

    internal DirtyPages(DirtyWord[] words, int shift, ulong generation)
    {
        _words = words;
        _shift = shift;
        Generation = generation;
        foreach (DirtyWord word in words)
        {
            Count += (ulong)BitOperations.PopCount(word.Bits);
        }
    }

    /// <summary>Gets the size of a page in bytes.</summary>
    public ulong PageSize => 1UL << _shift;

    /// <summary>Gets the number of pages.</summary>
    public ulong Count { get; }

    /// <summary>Gets which of the log's periods this is: the first after its start is 1.</summary>
    public ulong Generation { get; }

    /// <summary>Tells whether a page is dirty.</summary>
    /// <param name="address">Any address in it.</param>
    /// <returns>Whether it is.</returns>
    public bool Contains(GuestAddress address)
    {
        ulong page = address.Value >> _shift;
        int at = IndexAtOrAbove(page >> DirtyMap.WordShift);
        return at < _words.Length && _words[at].Index == page >> DirtyMap.WordShift && (_words[at].Bits & (1UL << (int)(page & 63))) != 0;
    }

    /// <summary>Copies the pages as a bitmap, as vhost, KVM and most monitors have it: bit i of byte j stands for the page 8 * j + i behind the first.</summary>
    /// <param name="start">The address of the first page; a multiple of 64 pages.</param>
    /// <param name="bitmap">Receives the bits; all of it is written.</param>
    /// <exception cref="ArgumentException">The address is not a multiple of 64 pages.</exception>
    public void CopyBitmapTo(GuestAddress start, Span<byte> bitmap)
    {
        ulong first = start.Value >> _shift >> DirtyMap.WordShift;
        if (first << DirtyMap.WordShift << _shift != start.Value)
        {
            throw new ArgumentException($"{start} is not a multiple of 64 pages of 0x{PageSize:x} bytes", nameof(start));
        }

        bitmap.Clear();
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        for (int at = IndexAtOrAbove(first); at < _words.Length && _words[at].Index - first < ((ulong)bitmap.Length + 7) / 8; at++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, _words[at].Bits);
            Span<byte> here = bitmap[(int)((_words[at].Index - first) * sizeof(ulong))..];
            bytes[..Math.Min(bytes.Length, here.Length)].CopyTo(here);
        }
    }

    /// <summary>Joins the pages of this period with those of another.</summary>
    /// <param name="other">The other; of pages of the same size.</param>
    /// <returns>The pages that are dirty in either, with the greater of the generations.</returns>
    /// <exception cref="ArgumentException">The sizes differ.</exception>
    public DirtyPages Union(DirtyPages other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other._shift != _shift)
        {
            throw new ArgumentException($"pages of 0x{other.PageSize:x} bytes cannot be joined with pages of 0x{PageSize:x}", nameof(other));
        }

        var words = new List<DirtyWord>(_words.Length + other._words.Length);
        int left = 0;
        int right = 0;
        while (left < _words.Length || right < other._words.Length)
        {
            ulong index = Math.Min(left < _words.Length ? _words[left].Index : ulong.MaxValue, right < other._words.Length ? other._words[right].Index : ulong.MaxValue);
            ulong bits = left < _words.Length && _words[left].Index == index ? _words[left++].Bits : 0;
            bits |= right < other._words.Length && other._words[right].Index == index ? other._words[right++].Bits : 0;
            words.Add(new DirtyWord(index, bits));
        }

        return new DirtyPages([.. words], _shift, Math.Max(Generation, other.Generation));
    }

    /// <summary>Lists the ranges.</summary>
    /// <returns>The ranges.</returns>
    public IEnumerator<GuestRange> GetEnumerator()
    {
        ulong start = 0;
        ulong pages = 0;
        foreach (DirtyWord word in _words)
        {
            foreach (BitRun run in new BitRuns(word.Bits))
            {
                ulong first = (word.Index << DirtyMap.WordShift) + (ulong)run.First;
                if (pages != 0 && first == start + pages)
                {
                    pages += (ulong)run.Count;
                    continue;
                }

                if (pages != 0)
                {
                    yield return RangeOf(start, pages);
                }

                (start, pages) = (first, (ulong)run.Count);
            }
        }

        if (pages != 0)
        {
            yield return RangeOf(start, pages);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private GuestRange RangeOf(ulong page, ulong count) => new(page << _shift, count << _shift);

    private int IndexAtOrAbove(ulong index) => DirtyWord.FirstAtOrAbove(_words, index);
}
