using System.Runtime.CompilerServices;

namespace Hyperspan.Virtio;

/// <content>The event suppression structures of a packed queue (virtio 1.2, section 2.8.10): each is read and written as a whole.</content>
public sealed partial class VirtQueue
{
    private const ushort EventsEnabled = 0;
    private const ushort EventsDisabled = 1;
    private const ushort EventsByPlace = 2;
    private const ushort EventFlags = 3;

    private readonly ulong _driverEvents;
    private readonly ulong _deviceEvents;

    // How many descriptors have been returned since the driver's wish was last asked for, as far as that can be told in 16 bits.
    private uint _sinceNotified;

    // What this object has written; unknown at first, since an earlier device may have left anything there.
    private uint? _deviceEventsWritten;

    private bool ShouldNotifyPacked()
    {
        if (_notifiedValid && _sinceNotified == 0)
        {
            return false;
        }

        // Full fence: as for a split queue, the descriptors must be visible before the driver's wish is read.
        Interlocked.MemoryBarrier();
        if (!_memory.TryVolatileRead(_driverEvents, out Le32 events) && !ReadEventsSlowly(out events))
        {
            return AnnounceBroken();
        }

        uint word = events;
        bool wanted = (ushort)((word >> 16) & EventFlags) switch
        {
            EventsDisabled => false,
            EventsByPlace when _eventIndex => IsPlacePassed((ushort)word, _usedPlace, _size, _sinceNotified),
            _ => true,
        };
        wanted |= !_notifiedValid;
        _notifiedValid = true;
        _sinceNotified = 0;
        _isUnannounced = false;
        return wanted;
    }

    private bool EnablePackedNotifications()
    {
        if (!(_eventIndex ? WriteDeviceEvents(EventsByPlace, _nextPlace.Number) : WriteDeviceEvents(EventsEnabled, 0)))
        {
            return false;
        }

        // Full fence: as for a split queue, the wish must be visible before the next descriptor is looked at.
        Interlocked.MemoryBarrier();
        return _recorded.Count != 0 || LooksAvailable();
    }

    /// <summary>Whether the last so many descriptors passed a place, which lies in the lap of the wrap counter or the one before.</summary>
    internal static bool IsPlacePassed(ushort number, PackedPosition now, ushort size, uint count)
    {
        var place = PackedPosition.Of(number);
        int index = place.Wrap == now.Wrap ? place.Index : place.Index - size;
        return IsPassed((ushort)index, now.Index, (ushort)(now.Index - count));
    }

    private bool LooksAvailable()
    {
        ulong place = PlaceOf(_nextPlace.Index) + 8;
        return (_memory.TryVolatileRead(place, out Le64 rest) || ReadRestSlowly(place, out rest)) && IsAvailable(rest);
    }

    private bool WriteDeviceEvents(ushort flags, ushort place)
    {
        uint value = place | ((uint)flags << 16);
        if (_deviceEventsWritten == value)
        {
            return true;
        }

        if (!_memory.TryVolatileWrite(_deviceEvents, (Le32)value) && !WriteEventsSlowly(value))
        {
            return false;
        }

        _deviceEventsWritten = value;
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool ReadEventsSlowly(out Le32 events) =>
        _memory.TryVolatileRead(_driverEvents, out events, out GuestMemoryFault fault) || RingFailed(null, fault);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool WriteEventsSlowly(uint value) =>
        _memory.TryVolatileWrite(_deviceEvents, (Le32)value, out GuestMemoryFault fault) || RingFailed(null, fault);
}
