using System.Runtime.CompilerServices;

using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>
/// What is asked after a value was written to a region, where a dirty log is all there is to be told: whether its page is marked, by the memory's addresses and with
/// everything that takes in one object. Immutable.
/// </summary>
internal sealed unsafe class RegionLog
{
    private readonly ulong* _words;
    private readonly ulong* _chunks;
    private readonly ulong _start;
    private readonly ulong _limit;
    private readonly ulong _toBacking;

    // Whose the marks are.
    private readonly DirtyMap _map;

    /// <summary>Initializes a new instance of the <see cref="RegionLog"/> class.</summary>
    /// <param name="map">What is marked.</param>
    /// <param name="region">The region.</param>
    internal RegionLog(DirtyMap map, MemoryRegion region)
    {
        _map = map;
        _words = map.Words;
        _chunks = map.Chunks;
        _start = region.Start;
        _limit = RegionSlot.ScalarLimit(region.Length);
        _toBacking = unchecked(region.BackingOffset - region.Start);
    }

    /// <summary>Whether a value at an address lies in the region.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Covers(ulong address) => address - _start < _limit;

    /// <summary>Whether a value that has been stored in the region lies in one page, which is marked. As <see cref="DirtyMap.Mark"/>, but marks nothing.</summary>
    /// <param name="address">The address of the value.</param>
    /// <param name="length">Its length, at most that of a page.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool HasMarked(ulong address, ulong length)
    {
        if (!ProcessBarrier.IsAsymmetric)
        {
            Interlocked.MemoryBarrier();
        }

        ulong offset = address + _toBacking;
        ulong page = offset >> GuestAddress.PageShift;
        ulong chunk = offset >> (GuestAddress.PageShift + DirtyMap.ChunkShift);

        // SAFETY: a value in the region, whose backing the map covers; the map is kept by this object. The page's mark is looked at before the chunk's.
        bool marked = (offset & (GuestAddress.PageSize - 1)) <= GuestAddress.PageSize - length
            && (Volatile.Read(ref _words[page >> DirtyMap.WordShift]) & (1UL << (int)(page & 63))) != 0
            && (Volatile.Read(ref _chunks[chunk >> DirtyMap.WordShift]) & (1UL << (int)(chunk & 63))) != 0;
        GC.KeepAlive(this);
        return marked;
    }
}
