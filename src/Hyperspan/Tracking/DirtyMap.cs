using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>
/// One bit for each page of 4 KiB, set by any number of threads, and above them one for each chunk of 512 pages in which one may be set. Taking what is set costs a
/// word for each 128 MiB, and eight for each chunk.
/// </summary>
/// <remarks>
/// <para>
/// A chunk's bit is set after the page's, and cleared before it. Who finds both set leaves them: the page will be taken, if not by a taker that is at it then by the next.
/// To look at the page's alone would not do: whoever set it may stand still before the chunk's.
/// </para>
/// <para>
/// The look may overtake the store that is to be marked. So a taker needs <see cref="ProcessBarrier.Issue"/> between taking the marks and reading the pages.
/// </para>
/// <para>The memory is reserved for all pages, and there for those parts that were marked once.</para>
/// </remarks>
internal sealed unsafe class DirtyMap
{
    /// <summary>How many pages a word stands for, as a power of two.</summary>
    internal const int WordShift = 6;

    /// <summary>How many pages are a chunk, as a power of two.</summary>
    internal const int ChunkShift = 9;

    private const int WordsInChunk = 1 << (ChunkShift - WordShift);

    private readonly ulong* _words;
    private readonly ulong* _chunks;
    private readonly ulong _chunkWords;

    /// <summary>Makes a map without a mark.</summary>
    /// <param name="length">The length of what is marked, in bytes.</param>
    internal DirtyMap(ulong length)
    {
        ulong pages = (length >> GuestAddress.PageShift) + 1;
        ulong chunks = (pages >> ChunkShift) + 1;
        _chunkWords = (chunks >> WordShift) + 1;
        ulong words = chunks * WordsInChunk;

        // SAFETY: zeroed, freed by the finalizer. What is as large as that is not touched by zeroing it.
        _words = (ulong*)NativeMemory.AllocZeroed((nuint)(words + _chunkWords), sizeof(ulong));
        _chunks = _words + words;
    }

    // A writer may be in it that had looked before the last reader stopped.
    ~DirtyMap() => NativeMemory.Free(_words);

    /// <summary>Gets the words of the pages, for whoever keeps this object.</summary>
    internal ulong* Words => _words;

    /// <summary>Gets the words of the chunks, likewise.</summary>
    internal ulong* Chunks => _chunks;

    /// <summary>Marks the pages of a range. Thread-safe.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Mark(ulong offset, ulong length)
    {
        if (!ProcessBarrier.IsAsymmetric)
        {
            Interlocked.MemoryBarrier();
        }

        ulong first = offset >> GuestAddress.PageShift;
        ulong last = (offset + (length - 1)) >> GuestAddress.PageShift;
        if (first != last || !IsMarked(first))
        {
            MarkPages(first, last);
        }

        GC.KeepAlive(this);
    }

    /// <summary>Marks what a word says, for one thread at a time.</summary>
    internal void Add(ulong word, ulong bits)
    {
        // SAFETY: the index comes from a map of the same length.
        _words[word] |= bits;
        ulong chunk = word / WordsInChunk;
        _chunks[chunk >> WordShift] |= 1UL << (int)(chunk & 63);
        GC.KeepAlive(this);
    }

    /// <summary>Takes all marks, in ascending order: none is left but what is set meanwhile. For one thread at a time.</summary>
    internal void Take<TReceiver>(ref TReceiver receiver)
        where TReceiver : struct, IDirtyWords, allows ref struct
    {
        // SAFETY: both arrays are as long as that.
        for (ulong i = 0; i < _chunkWords; i++)
        {
            if (Volatile.Read(ref _chunks[i]) == 0)
            {
                continue;
            }

            for (ulong set = Interlocked.Exchange(ref _chunks[i], 0); set != 0; set &= set - 1)
            {
                ulong first = ((i << WordShift) + ulong.TrailingZeroCount(set)) * WordsInChunk;
                for (ulong word = first; word < first + WordsInChunk; word++)
                {
                    if (Volatile.Read(ref _words[word]) != 0)
                    {
                        receiver.Add(word, Interlocked.Exchange(ref _words[word], 0));
                    }
                }
            }
        }

        GC.KeepAlive(this);
    }

    /// <summary>Does the first half of marking pages, those of one word: what a taker may find at any moment.</summary>
    internal void SetPages(ulong word, ulong bits) => Set(ref _words[word], bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsMarked(ulong page)
    {
        // SAFETY: the page is in bounds, as the callers of OnWritten see to. The page's bit is looked at first.
        ulong chunk = page >> ChunkShift;
        return (Volatile.Read(ref _words[page >> WordShift]) & (1UL << (int)(page & 63))) != 0
            && (Volatile.Read(ref _chunks[chunk >> WordShift]) & (1UL << (int)(chunk & 63))) != 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MarkPages(ulong first, ulong last)
    {
        // SAFETY: in bounds, as above.
        for (ulong word = first >> WordShift; word <= last >> WordShift; word++)
        {
            ulong start = word << WordShift;
            ulong mask = ulong.MaxValue << (int)(first > start ? first - start : 0);
            mask &= ulong.MaxValue >> (int)(last < start + 63 ? start + 63 - last : 0);
            SetPages(word, mask);
        }

        for (ulong chunk = first >> ChunkShift; chunk <= last >> ChunkShift; chunk++)
        {
            Set(ref _chunks[chunk >> WordShift], 1UL << (int)(chunk & 63));
        }
    }

    private static void Set(ref ulong word, ulong mask)
    {
        if ((Volatile.Read(ref word) & mask) != mask)
        {
            Interlocked.Or(ref word, mask);
        }
    }
}
