using System.Buffers.Binary;

namespace Hyperspan.Devices;

/// <summary>Who answers at which address, at one moment. Immutable: a change makes a new one, while accesses under way go on with theirs.</summary>
internal sealed class AddressMap
{
    // The most that a processor reads from or writes to a device at once.
    private const int LargestDeviceAccess = 8;

    internal static readonly AddressMap Empty = new([], [], []);

    // Sorted by address, without overlap.
    private readonly MemoryTarget[] _memory;
    private readonly HandlerTarget[] _handlers;
    private readonly Dictionary<ulong, Doorbell[]> _doorbells;

    private AddressMap(MemoryTarget[] memory, HandlerTarget[] handlers, Dictionary<ulong, Doorbell[]> doorbells)
    {
        _memory = memory;
        _handlers = handlers;
        _doorbells = doorbells;
    }

    /// <summary>Adds memory.</summary>
    /// <exception cref="InvalidOperationException">One of the targets would overlap another, or one that is there.</exception>
    internal AddressMap With(IEnumerable<MemoryTarget> targets) => new(Add(_memory, targets, "memory"), _handlers, _doorbells);

    internal AddressMap Without(IReadOnlyCollection<MemoryTarget> targets) => new([.. _memory.Except(targets)], _handlers, _doorbells);

    /// <summary>Adds a handler.</summary>
    /// <exception cref="InvalidOperationException">The target would overlap one that is there.</exception>
    internal AddressMap With(HandlerTarget target) => new(_memory, Add(_handlers, [target], "handler"), _doorbells);

    internal AddressMap Without(HandlerTarget target) => new(_memory, [.. _handlers.Where(other => other != target)], _doorbells);

    /// <summary>Adds a doorbell.</summary>
    /// <exception cref="InvalidOperationException">There is a doorbell that some of the same writes would ring.</exception>
    internal AddressMap With(Doorbell doorbell)
    {
        Doorbell[] here = _doorbells.GetValueOrDefault(doorbell.Address, []);
        if (Array.Find(here, doorbell.Collides) is { } other)
        {
            throw new InvalidOperationException($"The {doorbell} would take writes of the {other}.");
        }

        return new AddressMap(_memory, _handlers, new Dictionary<ulong, Doorbell[]>(_doorbells) { [doorbell.Address] = [.. here, doorbell] });
    }

    internal AddressMap Without(Doorbell doorbell)
    {
        var doorbells = new Dictionary<ulong, Doorbell[]>(_doorbells);
        Doorbell[] left = [.. doorbells[doorbell.Address].Where(other => other != doorbell)];
        if (left.Length == 0)
        {
            doorbells.Remove(doorbell.Address);
        }
        else
        {
            doorbells[doorbell.Address] = left;
        }

        return new AddressMap(_memory, _handlers, doorbells);
    }

    /// <summary>Finds who reads the first bytes at an address.</summary>
    internal bool TryRouteRead(ulong address, int length, out AddressRoute route)
    {
        int here = Math.Min(length, Extent(address, out MemoryTarget? memory));
        if (memory is not null)
        {
            route = new AddressRoute { Memory = memory, Length = here };
            return true;
        }

        return TryRouteToHandler(address, Math.Min(here, LargestDeviceAccess), out route);
    }

    /// <summary>Finds who takes the first bytes that are written at an address.</summary>
    internal bool TryRouteWrite(ulong address, ReadOnlySpan<byte> data, out AddressRoute route)
    {
        int here = Math.Min(data.Length, Extent(address, out MemoryTarget? memory));
        if (memory is { Writable: true })
        {
            route = new AddressRoute { Memory = memory, Length = here };
            return true;
        }

        // Memory that may not be written, or none: the write goes to a device.
        here = Math.Min(here, LargestDeviceAccess);
        if (_doorbells.TryGetValue(address, out Doorbell[]? doorbells))
        {
            ulong value = Value(data[..here]);
            foreach (Doorbell doorbell in doorbells)
            {
                if (doorbell.Matches(value, here))
                {
                    route = new AddressRoute { Doorbell = doorbell, Length = here };
                    return true;
                }
            }
        }

        return TryRouteToHandler(address, here, out route);
    }

    private static ulong Value(ReadOnlySpan<byte> data)
    {
        Span<byte> padded = stackalloc byte[sizeof(ulong)];
        padded.Clear();
        data.CopyTo(padded);
        return BinaryPrimitives.ReadUInt64LittleEndian(padded);
    }

    private static T[] Add<T>(T[] targets, IEnumerable<T> added, string what)
        where T : class, IAddressTarget
    {
        var list = new List<T>(targets);
        foreach (T target in added)
        {
            int at = IndexAtOrBelow(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(list), target.Range.Start.Value) + 1;
            T? clash = at > 0 && list[at - 1].Range.Overlaps(target.Range)
                ? list[at - 1]
                : at < list.Count && list[at].Range.Overlaps(target.Range) ? list[at] : null;
            if (clash is not null)
            {
                throw new InvalidOperationException($"The {what} '{target.Name}' at {target.Range} overlaps the {what} '{clash.Name}' at {clash.Range}.");
            }

            list.Insert(at, target);
        }

        return [.. list];
    }

    /// <summary>The last target that starts at an address or below it; -1 where there is none.</summary>
    private static int IndexAtOrBelow<T>(ReadOnlySpan<T> targets, ulong address)
        where T : class, IAddressTarget
    {
        int low = 0;
        int high = targets.Length;
        while (low < high)
        {
            int middle = (int)(((uint)low + (uint)high) / 2);
            if (targets[middle].Range.Start.Value <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }

    /// <summary>The memory at an address, or none, and how many bytes from there on this holds for.</summary>
    private int Extent(ulong address, out MemoryTarget? memory)
    {
        int index = IndexAtOrBelow<MemoryTarget>(_memory, address);
        memory = index >= 0 && _memory[index].Range.Contains(address) ? _memory[index] : null;
        ulong extent = memory is not null
            ? memory.Range.End.Value - address
            : index + 1 < _memory.Length ? _memory[index + 1].Range.Start.Value - address : ulong.MaxValue;
        return (int)Math.Min(extent, int.MaxValue);
    }

    private bool TryRouteToHandler(ulong address, int length, out AddressRoute route)
    {
        int index = IndexAtOrBelow<HandlerTarget>(_handlers, address);
        if (index < 0 || !_handlers[index].Range.Contains(address))
        {
            route = default;
            return false;
        }

        HandlerTarget handler = _handlers[index];
        route = new AddressRoute { Handler = handler, Length = (int)Math.Min((ulong)length, handler.Range.End.Value - address) };
        return true;
    }
}
