namespace Hyperspan.Virtio;

/// <summary>
/// The address ranges that a memory has, so that a buffer is known to lie in memory before any of it is accessed and without touching it.
/// </summary>
/// <remarks>
/// The regions of a <see cref="GuestMemory"/> do not change once it is built. Used by one thread at a time: the last range found is tried first,
/// since nearly all buffers of a guest lie in one region.
/// </remarks>
internal sealed class MemoryRanges
{
    private readonly ulong[] _starts;
    private readonly ulong[] _lengths;
    private int _last;

    internal MemoryRanges(GuestMemory memory)
    {
        IReadOnlyList<GuestMemoryRegion> regions = memory.GetRegions();
        var starts = new List<ulong>(regions.Count);
        var lengths = new List<ulong>(regions.Count);
        foreach (GuestMemoryRegion region in regions)
        {
            ulong start = region.Range.Base.Value;

            // An access may cross regions that touch, unless the memory is strict.
            if (!memory.IsStrict && starts.Count > 0 && starts[^1] + lengths[^1] == start)
            {
                lengths[^1] += region.Range.Size;
            }
            else
            {
                starts.Add(start);
                lengths.Add(region.Range.Size);
            }
        }

        _starts = [.. starts];
        _lengths = [.. lengths];
    }

    internal bool Contains(ulong address, ulong length)
    {
        if (_starts.Length == 0)
        {
            return false;
        }

        if (Holds(_last, address, length))
        {
            return true;
        }

        int found = Array.BinarySearch(_starts, address);
        found = found >= 0 ? found : ~found - 1;
        if (found < 0 || !Holds(found, address, length))
        {
            return false;
        }

        _last = found;
        return true;
    }

    // Without wrapping: an address below the start gives a distance that no length reaches.
    private bool Holds(int range, ulong address, ulong length)
    {
        ulong offset = unchecked(address - _starts[range]);
        return offset < _lengths[range] && length <= _lengths[range] - offset;
    }
}
