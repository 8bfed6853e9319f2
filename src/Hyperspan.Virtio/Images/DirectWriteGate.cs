namespace Hyperspan.Virtio;

/// <summary>
/// Keeps writes that read a whole block, change a part of it and write it back from all other writes: what another one writes to the rest of the block meanwhile would be lost.
/// </summary>
internal sealed class DirectWriteGate
{
    private readonly object _gate = new();
    private int _whole;
    private bool _isPartial;
    private int _waiting;

    /// <summary>Begins a write of whole blocks, unless it would have to wait.</summary>
    internal bool TryEnterWhole()
    {
        lock (_gate)
        {
            if (_isPartial || _waiting != 0)
            {
                return false;
            }

            _whole++;
            return true;
        }
    }

    /// <summary>Begins a write of whole blocks; waits if need be.</summary>
    internal void EnterWhole()
    {
        lock (_gate)
        {
            while (_isPartial)
            {
                Monitor.Wait(_gate);
            }

            _whole++;
        }
    }

    internal void LeaveWhole()
    {
        lock (_gate)
        {
            if (--_whole == 0)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Begins a write of a part of a block, when no other one is under way.</summary>
    internal void EnterPartial()
    {
        lock (_gate)
        {
            _waiting++;
            while (_isPartial || _whole != 0)
            {
                Monitor.Wait(_gate);
            }

            _waiting--;
            _isPartial = true;
        }
    }

    internal void LeavePartial()
    {
        lock (_gate)
        {
            _isPartial = false;
            Monitor.PulseAll(_gate);
        }
    }
}
