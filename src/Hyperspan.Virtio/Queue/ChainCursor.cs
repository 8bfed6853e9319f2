namespace Hyperspan.Virtio;

/// <summary>A place in a list of buffers, and the way on.</summary>
internal ref struct ChainCursor
{
    private ReadOnlySpan<ChainSegment> _segments;
    private uint _offset;

    internal ChainCursor(ReadOnlySpan<ChainSegment> segments, ulong length)
    {
        _segments = segments;
        Remaining = length;
    }

    internal ulong Remaining { get; private set; }

    /// <summary>The rest of the current buffer, at most so many bytes. Only where something remains.</summary>
    internal readonly uint Peek(ulong most, out GuestAddress address)
    {
        ChainSegment segment = _segments[0];
        address = new GuestAddress(segment.Address.Value + _offset);
        return (uint)Math.Min(segment.Length - _offset, most);
    }

    /// <summary>Moves on, inside the current buffer or to its end.</summary>
    internal void Advance(uint length)
    {
        _offset += length;
        Remaining -= length;
        if (_offset == _segments[0].Length)
        {
            _segments = _segments[1..];
            _offset = 0;
        }
    }

    internal bool TrySkip(ulong length)
    {
        if (length > Remaining)
        {
            return false;
        }

        while (length > 0)
        {
            uint piece = Peek(length, out _);
            Advance(piece);
            length -= piece;
        }

        return true;
    }

    /// <summary>Adds what comes next to vectors for file input or output: at most so many bytes, and as many buffers as there is room for.</summary>
    internal bool TryGather(
        GuestMemory memory, GuestIoVectors vectors, ulong most, int maxSegments, AccessType access, out ulong gathered, out GuestMemoryFault fault)
    {
        if (vectors.Access != access)
        {
            throw new ArgumentException($"the vectors are for {vectors.Access}, the buffers for {access}", nameof(vectors));
        }

        gathered = 0;
        fault = default;
        most = Math.Min(most, Remaining);
        for (int added = 0; gathered < most && added < maxSegments; added++)
        {
            uint piece = Peek(most - gathered, out GuestAddress address);
            if (!vectors.TryAdd(memory, address, piece, out fault))
            {
                return false;
            }

            Advance(piece);
            gathered += piece;
        }

        return true;
    }
}
