using Hyperspan.Virtio;

namespace Hyperspan.Testing;

/// <content>Suppression of notifications, seen from the driver.</content>
public sealed partial class VirtQueueDriver
{
    /// <summary>Tells whether the device wants to be notified about the chains made available since the last call.</summary>
    /// <returns>Whether to notify it.</returns>
    public bool NeedsKick()
    {
        if (_isPacked)
        {
            return NeedsPackedKick();
        }

        if (_kicked == _available)
        {
            return false;
        }

        // Full fence: the available index must be visible before the device's wish is read; the mirror image of VirtQueue.EnableNotifications.
        Interlocked.MemoryBarrier();
        bool wanted = _eventIndex
            ? VirtQueue.IsPassed(_memory.VolatileRead<Le16>(AvailableEvent), _available, _kicked)
            : (_memory.VolatileRead<Le16>(Layout.UsedRing) & 1) == 0;
        _kicked = _available;
        return wanted;
    }

    /// <summary>Asks the device to notify, then looks once more whether it has returned anything.</summary>
    /// <returns>Whether there is something to collect: then the device may not have notified.</returns>
    public bool EnableCallbacks()
    {
        if (_isPacked)
        {
            WriteDriverEvents(_eventIndex ? ByPlace : Enabled, _usedPlace.Number);
        }
        else if (_eventIndex)
        {
            _memory.VolatileWrite(UsedEvent, (Le16)_used);
        }
        else
        {
            _memory.VolatileWrite(Layout.AvailableRing, (ushort)0);
        }

        // Full fence: the wish must be visible before the used index is read; the mirror image of VirtQueue.ShouldNotify.
        Interlocked.MemoryBarrier();
        return _isPacked ? IsPackedUsed(out _) : _memory.VolatileRead<Le16>(Layout.UsedRing + 2) != _used;
    }

    /// <summary>Tells the device that it need not notify. A hint; notifications may still come.</summary>
    public void DisableCallbacks()
    {
        if (_isPacked)
        {
            WriteDriverEvents(Disabled, 0);
        }
        else if (_eventIndex)
        {
            // As far away as possible: it is passed only half the range of indices from here.
            _memory.VolatileWrite(UsedEvent, (Le16)(ushort)(_used + 0x8000));
        }
        else
        {
            _memory.VolatileWrite(Layout.AvailableRing, (Le16)1);
        }
    }

    private GuestAddress UsedEvent => Layout.AvailableRing + 4 + (2UL * Layout.Size);

    private GuestAddress AvailableEvent => Layout.UsedRing + 4 + (8UL * Layout.Size);
}
