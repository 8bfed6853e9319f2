namespace Hyperspan.Virtio;

/// <summary>The order in which chains were taken, for a driver that gets them back in that order (VIRTIO_F_IN_ORDER).</summary>
internal sealed class ChainOrder(ushort size)
{
    private readonly ushort[] _taken = new ushort[size];
    private readonly ChainState[] _states = new ChainState[size];
    private readonly uint[] _written = new uint[size];
    private int _first;
    private int _count;

    private enum ChainState : byte
    {
        Free,
        Taken,
        Completed,
    }

    /// <summary>Adds a chain.</summary>
    /// <returns>Whether it was not there yet.</returns>
    internal bool TryAdd(ushort head)
    {
        if (_states[head] != ChainState.Free)
        {
            return false;
        }

        _states[head] = ChainState.Taken;
        _taken[(_first + _count++) % size] = head;
        return true;
    }

    /// <summary>Remembers that a chain is done.</summary>
    /// <returns>Whether it was in flight.</returns>
    internal bool TryComplete(ushort head, uint written)
    {
        if (head >= size || _states[head] != ChainState.Taken)
        {
            return false;
        }

        _states[head] = ChainState.Completed;
        _written[head] = written;
        return true;
    }

    /// <summary>Takes out the oldest chain, if it is done.</summary>
    internal bool TryNext(out ushort head, out uint written)
    {
        head = _count == 0 ? (ushort)0 : _taken[_first];
        written = _written[head];
        if (_count == 0 || _states[head] != ChainState.Completed)
        {
            return false;
        }

        _states[head] = ChainState.Free;
        _first = (_first + 1) % size;
        _count--;
        return true;
    }

    internal void Clear()
    {
        Array.Clear(_states);
        _count = 0;
    }
}
