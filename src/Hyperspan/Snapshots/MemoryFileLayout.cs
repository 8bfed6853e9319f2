namespace Hyperspan.Snapshots;

/// <summary>Where the regions lie in a memory file: one after the other, each from a multiple of 4 KiB on.</summary>
internal sealed class MemoryFileLayout
{
    private readonly RegionMap _regions;
    private readonly ulong[] _offsets;

    /// <summary>Lays them out.</summary>
    /// <param name="regions">The regions.</param>
    /// <param name="name">Whose they are, for the message.</param>
    /// <exception cref="IOException">Together they are longer than a file can be.</exception>
    internal MemoryFileLayout(RegionMap regions, string name)
    {
        _regions = regions;
        _offsets = new ulong[regions.All.Count];
        UInt128 length = 0;
        for (int i = 0; i < _offsets.Length; i++)
        {
            length = (length + (PageMath.PageSize - 1)) & ~(UInt128)(PageMath.PageSize - 1);
            _offsets[i] = (ulong)length;
            length += regions.All[i].Range.Length;
            if (length > long.MaxValue)
            {
                throw new IOException($"{name}: the memory is longer than a file can be");
            }
        }

        Length = (ulong)length;
    }

    /// <summary>Gets the length of the file.</summary>
    internal ulong Length { get; }

    /// <summary>The offset of a guest-physical address that is in a region.</summary>
    internal ulong OffsetOf(ulong address)
    {
        int i = _regions.FirstEndingAtOrAfter(address >> SnapshotFormat.ChunkShift);
        while (!_regions.All[i].Range.Contains(address))
        {
            i++;
        }

        return _offsets[i] + (address - _regions.All[i].Range.Start.Value);
    }

    /// <summary>The page of guest-physical memory whose bytes are at an offset, a multiple of 4 KiB. False where none are: between regions, or past the end.</summary>
    internal bool TryPageAt(ulong offset, out ulong page)
    {
        int i = Array.BinarySearch(_offsets, offset);
        i = i < 0 ? ~i - 1 : i;
        page = 0;
        if (i < 0 || offset - _offsets[i] >= _regions.All[i].Range.Length)
        {
            return false;
        }

        // A region that begins in the middle of a page has it at the beginning of one here: such are not served.
        ulong address = _regions.All[i].Range.Start.Value + (offset - _offsets[i]);
        page = address >> PageMath.PageShift;
        return address % PageMath.PageSize == 0;
    }
}
