using System.Runtime.CompilerServices;

namespace Hyperspan.Virtio;

/// <content>Returning chains: the used ring.</content>
public sealed partial class VirtQueue
{
    /// <summary>Returns a chain to the driver.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="written">How many bytes were written to its device-writable buffers.</param>
    /// <returns>Whether it was returned; otherwise the queue is broken.</returns>
    /// <exception cref="InvalidOperationException">No chain is in flight.</exception>
    public bool Complete(DescriptorChain chain, uint written)
    {
        ArgumentNullException.ThrowIfNull(chain);
        return Complete(chain.Head, written);
    }

    /// <summary>Returns a chain to the driver.</summary>
    /// <param name="head">The index of the chain's first descriptor.</param>
    /// <param name="written">How many bytes were written to its device-writable buffers.</param>
    /// <returns>Whether it was returned; otherwise the queue is broken.</returns>
    /// <exception cref="InvalidOperationException">No chain is in flight.</exception>
    public bool Complete(ushort head, uint written) => Stage(head, written) && Publish();

    /// <summary>Puts a chain into the used ring without telling the driver yet: the first half of <see cref="Complete(ushort, uint)"/>, for batches.</summary>
    /// <param name="head">The index of the chain's first descriptor.</param>
    /// <param name="written">How many bytes were written to its device-writable buffers.</param>
    /// <returns>Whether it is there; otherwise the queue is broken.</returns>
    /// <exception cref="InvalidOperationException">No chain is in flight that has not been staged.</exception>
    public bool Stage(ushort head, uint written)
    {
        return _isSpecial ? StageSpecially(head, written) : StageSplit(head, written);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool StageSpecially(ushort head, uint written)
    {
        if (_error.IsError)
        {
            return false;
        }

        return _order is { } order ? StageInOrder(order, head, written) : StageNow(head, written);
    }

    /// <summary>Keeps a chain until all before it have been completed.</summary>
    private bool StageInOrder(ChainOrder order, ushort head, uint written)
    {
        if (!order.TryComplete(head, written))
        {
            ThrowNothingInFlight();
        }

        while (order.TryNext(out ushort next, out uint length))
        {
            if (!StageNow(next, length))
            {
                return false;
            }
        }

        return true;
    }

    private bool StageNow(ushort head, uint written) => _isPacked ? StagePacked(head, written) : StageSplit(head, written);

    private bool StageSplit(ushort head, uint written)
    {
        if (_staged >= _inFlight)
        {
            ThrowNothingInFlight();
        }

        ulong entry = _usedEntries + (8UL * (uint)((_used + _staged) & _mask));
        if ((!_memory.TryWrite(entry, (Le32)head) || !_memory.TryWrite(entry + 4, (Le32)written)) && !WriteEntrySlowly(entry, head, written))
        {
            return false;
        }

        _staged++;
        BufferGate?.OnReturned(head);
        InflightTracker?.OnCompleting(head);
        return true;
    }

    /// <summary>Tells the driver about all chains that have been staged, by one store of the used index.</summary>
    /// <returns>Whether they were published; otherwise the queue is broken.</returns>
    public bool Publish()
    {
        if (_isSpecial && _error.IsError)
        {
            return false;
        }

        if (_staged == 0)
        {
            return true;
        }

        return _isSpecial && _isPacked ? PublishPacked() : PublishSplit();
    }

    private bool PublishSplit()
    {
        // Release: the entries, and the data in the buffers, are seen before the index that covers them (section 2.7.8.2).
        ushort index = (ushort)(_used + _staged);
        if (!TryWriteField(_usedIndexAddress, index))
        {
            return false;
        }

        _used = index;
        _isUnannounced = true;
        _inFlight -= _staged;
        _staged = 0;
        InflightTracker?.OnCompleted(index);
        return true;
    }

    /// <summary>What could not be written at first: asked for again for the reason.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool WriteEntrySlowly(ulong entry, ushort head, uint written) =>
        (_memory.TryWrite(entry, (Le32)head, out GuestMemoryFault fault) && _memory.TryWrite(entry + 4, (Le32)written, out fault))
        || RingFailed(head, fault);

    private static void ThrowNothingInFlight() => throw new InvalidOperationException("the queue has no chain in flight to be returned");
}
