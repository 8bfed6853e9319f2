namespace Hyperspan;

/// <summary>The ranges of a <see cref="GuestIoVectors"/>, which its owner changes without a pin while others may look.</summary>
/// <remarks>
/// Who looks may miss a range that is being added: nothing has been written to it so far. It may see a mixture of a range that is gone, and was told of when it went, and
/// one that is being added: that names what was not written, if it is memory at all.
/// </remarks>
internal sealed class PartsHold : WriteHold
{
    private IoPart[] _parts = new IoPart[8];
    private int _count;

    internal ReadOnlySpan<IoPart> Parts => _parts.AsSpan(0, _count);

    /// <summary>Gets how many there are, for <see cref="ReturnTo"/>.</summary>
    internal int Mark => _count;

    /// <summary>Forgets what was added since <see cref="Mark"/> had this value, of which nothing was written.</summary>
    internal void ReturnTo(int mark)
    {
        int count = _count;
        Volatile.Write(ref _count, mark);
        Array.Clear(_parts, mark, count - mark);
    }

    /// <summary>Makes room for one more, in an array that is complete before it is seen.</summary>
    private void Reserve()
    {
        if (_count == _parts.Length)
        {
            var larger = new IoPart[_count * 2];
            _parts.CopyTo(larger, 0);
            Volatile.Write(ref _parts, larger);
        }
    }

    internal void Add(in IoPart part)
    {
        Reserve();
        _parts[_count] = part;
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>Tells of all, then forgets them.</summary>
    internal void Clear()
    {
        try
        {
            Tell(isHeld: false);
        }
        finally
        {
            int count = _count;
            Volatile.Write(ref _count, 0);
            Array.Clear(_parts, 0, count);
        }
    }

    internal override void Tell(bool isHeld)
    {
        int count = Volatile.Read(ref _count);
        IoPart[] parts = Volatile.Read(ref _parts);
        for (int i = 0; i < count; i++)
        {
            IoPart part = parts[i];
            if (part is { Access: AccessType.Write, Length: not 0, Written: { IsDisturbedForWrites: true } memory })
            {
                memory.TellRange(part.WrittenAddress, part.Length, isHeld);
            }
        }
    }
}
