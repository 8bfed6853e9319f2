namespace Hyperspan.Virtio;

/// <content>Who wants to hear from whom: suppression of notifications in both directions.</content>
public sealed partial class VirtQueue
{
    private const ushort AvailableNoInterrupt = 1;
    private const ushort UsedNoNotify = 1;
    private const int UsedFlagsUnknown = -1;

    private ushort _notifiedUsed;
    private bool _notifiedValid;

    // Whether chains were returned since the driver's wish was last asked for.
    private bool _isUnannounced;

    // What this object has written to the flags of the used ring; unknown at first, since an earlier device may have left anything there.
    private int _usedFlagsWritten = UsedFlagsUnknown;

    /// <summary>
    /// Tells whether the driver wants to be notified about the chains returned since the last call (sections 2.7.7.2 and 2.7.10). The caller has to notify it then.
    /// </summary>
    /// <returns>
    /// Whether to notify. The first call on a queue always says so: an earlier device may have returned chains and gone away before it could notify. A queue that broke
    /// says so once if chains were returned before: its ring is not asked any more.
    /// </returns>
    public bool ShouldNotify()
    {
        if (_isSpecial && (_isPacked || _error.IsError))
        {
            return _error.IsError ? AnnounceBroken() : ShouldNotifyPacked();
        }

        if (_notifiedValid && _notifiedUsed == _used)
        {
            return false;
        }

        // Full fence: the used index must be visible before the driver's wish is read. Without it both sides can miss each other: the driver asks for
        // a notification and finds the old index while its old wish is read here.
        Interlocked.MemoryBarrier();
        bool wanted;
        if (_eventIndex)
        {
            if (!_memory.TryVolatileRead(_usedEvent, out Le16 usedEvent) && !TryReadFieldSlowly(_usedEvent, out usedEvent))
            {
                return AnnounceBroken();
            }

            wanted = IsPassed(usedEvent, _used, _notifiedUsed);
        }
        else
        {
            if (!_memory.TryVolatileRead(_availableFlags, out Le16 flags) && !TryReadFieldSlowly(_availableFlags, out flags))
            {
                return AnnounceBroken();
            }

            wanted = (flags & AvailableNoInterrupt) == 0;
        }

        wanted |= !_notifiedValid;
        _notifiedUsed = _used;
        _notifiedValid = true;
        _isUnannounced = false;
        return wanted;
    }

    private bool AnnounceBroken()
    {
        bool wanted = _isUnannounced;
        _isUnannounced = false;
        return wanted;
    }

    /// <summary>Tells the driver that it need not notify the device about new chains: the device looks by itself. A hint; notifications may still come.</summary>
    public void DisableNotifications()
    {
        // With event indices the driver is not notified of an index that it has passed already: leaving the old one there is enough.
        if (_error.IsError || _eventIndex)
        {
            return;
        }

        if (_isPacked)
        {
            WriteDeviceEvents(EventsDisabled, 0);
        }
        else if (_usedFlagsWritten != UsedNoNotify)
        {
            WriteUsedFlags(UsedNoNotify);
        }
    }

    /// <summary>Asks the driver to notify the device about new chains, then looks once more whether there are any.</summary>
    /// <returns>
    /// Whether chains have been made available meanwhile: then the driver may not have notified, and the device has to go on taking. Not where one is held back
    /// (<see cref="IsHeldBack"/>).
    /// </returns>
    public bool EnableNotifications()
    {
        if (_error.IsError)
        {
            return false;
        }

        if (_isPacked)
        {
            return EnablePackedNotifications() && !IsHeldBack;
        }

        bool told = _eventIndex
            ? WriteAvailableEvent()
            : _usedFlagsWritten == 0 || WriteUsedFlags(0);
        if (!told)
        {
            return false;
        }

        // Full fence: the wish must be visible before the available index is read. Without it the driver may see the old wish and not notify, while the
        // index read here is from before its store: the chain would lie there until the next one.
        Interlocked.MemoryBarrier();
        return !IsHeldBack && (_resubmittedAt < _resubmitted.Length || _next != _available || FindAvailable());
    }

    /// <summary>Whether going from one ring index to another passed the event index (section 2.7.10, vring_need_event).</summary>
    internal static bool IsPassed(ushort eventIndex, ushort now, ushort before) =>
        (ushort)(now - eventIndex - 1) < (ushort)(now - before);

    private bool WriteAvailableEvent() =>
        TryWriteField(_availableEvent, _next);

    private bool WriteUsedFlags(ushort flags)
    {
        if (!TryWriteField(_usedFlags, flags))
        {
            return false;
        }

        _usedFlagsWritten = flags;
        return true;
    }
}
