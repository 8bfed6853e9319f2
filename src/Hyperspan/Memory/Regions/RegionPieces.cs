namespace Hyperspan;

/// <summary>Goes through a range region by region. The one place where that is done.</summary>
/// <remarks>
/// Each region is looked for when its turn comes. Where a range reaches past 2^64, which the check of bounds finds, the addresses go on from zero.
/// </remarks>
internal struct RegionPieces(GuestMemory memory, ulong address, ulong length)
{
    private ulong _next = address;
    private ulong _left = length;

    public RegionPiece Current { get; private set; }

    public readonly RegionPieces GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_left == 0)
        {
            return false;
        }

        MemoryRegion? region = memory.Find(_next);
        ulong here = region is null ? _left : Math.Min(_left, region.LengthFrom(_next));
        Current = new RegionPiece(region, _next, here);
        _next = unchecked(_next + here);
        _left -= here;
        return true;
    }
}
