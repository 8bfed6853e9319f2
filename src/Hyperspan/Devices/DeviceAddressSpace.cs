using System.Diagnostics;
using System.Globalization;
using Hyperspan.Synchronization;

namespace Hyperspan.Devices;

/// <summary>
/// The guest's physical address space as devices build it up: each access goes to memory, to a ROM, to a device's handler or to a doorbell.
/// No hypervisor is needed; it serves emulators, tests, and the exits of a partition that could not be handled elsewhere.
/// </summary>
/// <remarks>
/// <para>
/// There are two layers. Above is memory: RAM, regions of devices, ROMs; no two of them overlap. Below are devices: handlers, of which no two overlap, and
/// doorbells. Where there is memory, accesses go to it and never reach the layer below; except writes to memory that is not
/// writable (a ROM, a region mapped with <c>writable: false</c>), which leave it alone and go to the layer below. There, a write that matches a doorbell rings it and is
/// consumed; everything else goes to the handler at the address. Where there is none either, the access fails with
/// <see cref="GuestMemoryFaultKind.OutOfRange"/>; what the guest gets to see then is for the caller to decide.
/// </para>
/// <para>
/// An access may span several of these. It is cut where memory begins or ends, then, below, into pieces of 8 bytes, and where a handler's range
/// ends; the pieces are done in ascending order. A doorbell is compared with a piece before it is cut at handlers. That there is somebody for each byte is
/// checked first: an access that fails for lack of that has had no effect. A later failure (memory that faults, a handler that throws) leaves the pieces before it done.
/// Bytes to and from memory have the guarantees of <see cref="GuestMemory"/>: 1, 2, 4 or 8 of them, naturally aligned, are one access.
/// </para>
/// <para>
/// All members may be called from any thread, also while accesses run: these see the address space as it was when they started. So a handler may be called, a
/// doorbell rung and memory accessed shortly after its registration was disposed. Changing the address space takes time in proportion to its size, an access in
/// proportion to the logarithm of that. Memory that was added stays its owner's.
/// </para>
/// </remarks>
[DebuggerDisplay("{Name,nq}")]
public sealed partial class DeviceAddressSpace : IMemoryMapper, IDoorbellRegistration
{
    private readonly Lock _lock = new();
    private AddressMap _map = AddressMap.Empty;

    /// <summary>Initializes a new instance of the <see cref="DeviceAddressSpace"/> class, with nothing in it.</summary>
    /// <param name="name">The name used in errors.</param>
    public DeviceAddressSpace(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        Name = name;
    }

    private delegate AddressMap Change(AddressMap map);

    /// <summary>Gets the name used in errors.</summary>
    public string Name { get; }

    /// <summary>Adds all regions of a memory at the addresses they have in it.</summary>
    /// <param name="memory">The memory. It stays the caller's.</param>
    /// <returns>The registration; disposing it removes them all.</returns>
    /// <exception cref="InvalidOperationException">A region would overlap other memory; the message names both. None has been added.</exception>
    public IDisposable AddMemory(GuestMemory memory) => AddMemory(memory, writable: true);

    /// <summary>Adds all regions of a memory at the addresses they have in it.</summary>
    /// <param name="memory">The memory. It stays the caller's.</param>
    /// <param name="writable">Whether the guest can write to it. Regions whose protection forbids it are not writable in any case.</param>
    /// <returns>The registration; disposing it removes them all.</returns>
    /// <exception cref="InvalidOperationException">A region would overlap other memory; the message names both. None has been added.</exception>
    public IDisposable AddMemory(GuestMemory memory, bool writable)
    {
        ArgumentNullException.ThrowIfNull(memory);
        var targets = new List<MemoryTarget>();
        foreach (GuestMemoryRegion region in memory.Regions)
        {
            targets.Add(new MemoryTarget(memory.Name, region.Range, memory, region.Range.Start.Value, writable && region.Protection.CanWrite));
        }

        return Add(targets);
    }

    /// <summary>Adds a part of a memory.</summary>
    /// <param name="address">The address that its first byte gets here.</param>
    /// <param name="memory">The memory. It stays the caller's.</param>
    /// <param name="part">The part, in addresses of the memory. That it is memory at all is found out by the accesses.</param>
    /// <returns>The registration; disposing it removes the part.</returns>
    /// <exception cref="ArgumentException">The part is empty, or would reach past the end of the address space.</exception>
    /// <exception cref="InvalidOperationException">It would overlap other memory; the message names both.</exception>
    public IDisposable AddMemory(GuestAddress address, GuestMemory memory, GuestRange part) => AddMemory(address, memory, part, writable: true);

    /// <summary>Adds a part of a memory.</summary>
    /// <param name="address">The address that its first byte gets here.</param>
    /// <param name="memory">The memory. It stays the caller's.</param>
    /// <param name="part">The part, in addresses of the memory. That it is memory at all is found out by the accesses.</param>
    /// <param name="writable">Whether the guest can write to it.</param>
    /// <returns>The registration; disposing it removes the part.</returns>
    /// <exception cref="ArgumentException">The part is empty, or would reach past the end of the address space.</exception>
    /// <exception cref="InvalidOperationException">It would overlap other memory; the message names both.</exception>
    public IDisposable AddMemory(GuestAddress address, GuestMemory memory, GuestRange part, bool writable)
    {
        ArgumentNullException.ThrowIfNull(memory);
        RequireBytes(part, nameof(part));
        return Add([new MemoryTarget(memory.Name, new GuestRange(address, part.Length), memory, part.Start.Value, writable)]);
    }

    /// <summary>Adds a device's handler.</summary>
    /// <param name="range">The addresses that it answers at, as far as there is no memory.</param>
    /// <param name="handler">The handler.</param>
    /// <param name="name">The name used in errors; the handler's type where it is <see langword="null"/>.</param>
    /// <returns>The registration; disposing it removes the handler.</returns>
    /// <exception cref="ArgumentException">The range is empty.</exception>
    /// <exception cref="InvalidOperationException">It would overlap another handler; the message names both.</exception>
    public IDisposable AddHandler(GuestRange range, IMmioHandler handler, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        RequireBytes(range, nameof(range));
        var target = new HandlerTarget(name ?? handler.GetType().Name, range, handler);
        Apply(map => map.With(target));
        return new Registration(() => Apply(map => map.Without(target)));
    }

    /// <summary>Adds a device by the methods that read and write its registers.</summary>
    /// <param name="range">The addresses that it answers at, as far as there is no memory.</param>
    /// <param name="read">Reads registers: <see cref="IMmioHandler.Read"/>.</param>
    /// <param name="write">Writes registers: <see cref="IMmioHandler.Write"/>.</param>
    /// <param name="name">The name used in errors.</param>
    /// <returns>The registration; disposing it removes the device.</returns>
    /// <exception cref="ArgumentException">The range is empty.</exception>
    /// <exception cref="InvalidOperationException">It would overlap another handler; the message names both.</exception>
    public IDisposable AddHandler(GuestRange range, Action<ulong, Span<byte>> read, Action<ulong, ReadOnlySpan<byte>> write, string name)
    {
        ArgumentNullException.ThrowIfNull(read);
        ArgumentNullException.ThrowIfNull(write);
        ArgumentNullException.ThrowIfNull(name);
        return AddHandler(range, new CallbackHandler(read, write), name);
    }

    /// <inheritdoc/>
    public IDisposable RegisterDoorbell(GuestAddress address, ulong? value, uint? length, DoorbellEvent doorbell)
    {
        ArgumentNullException.ThrowIfNull(doorbell);
        if (length is not (null or 1 or 2 or 4 or 8))
        {
            throw new ArgumentOutOfRangeException(nameof(length), length, "The length of a doorbell is 1, 2, 4 or 8.");
        }

        if (length < 8 && value >> (int)(8 * length) is > 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(value), string.Create(CultureInfo.InvariantCulture, $"The value 0x{value:x} does not fit into {length} bytes."));
        }

        var registered = new Doorbell(address.Value, value, length, doorbell);
        Apply(map => map.With(registered));
        return new Registration(() => Apply(map => map.Without(registered)));
    }

    /// <inheritdoc/>
    /// <remarks>The region is a <see cref="SparseBacking"/>: faults at pages where nothing is mapped are recovered from. Linux only.</remarks>
    public (IMappableGuestMemory Guest, IMappedMemoryRegion Region) CreateRegion(ulong length, string name)
    {
        var region = new MappedRegion(length, name, (address, memory, writable) => AddMemory(address, memory, new GuestRange(0, length), writable));
        return (region, region);
    }

    /// <summary>Makes a ROM, which is not mapped anywhere yet.</summary>
    /// <param name="contents">The memory that holds its bytes from address zero on. It stays the caller's, who can change them.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>The ROM.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="contents"/> ends before <paramref name="length"/>.</exception>
    public IRomMapper CreateRom(GuestMemory contents, ulong length)
    {
        ArgumentNullException.ThrowIfNull(contents);
        if (length > 0 && !(contents.Last is { } last && length - 1 <= last.Value))
        {
            throw new ArgumentOutOfRangeException(nameof(length), length, $"The memory '{contents.Name}' ends before.");
        }

        return new RomMapper(this, contents, length);
    }

    private static void RequireBytes(GuestRange range, string name)
    {
        if (range.IsEmpty)
        {
            throw new ArgumentException($"The range {range} is empty.", name);
        }
    }

    private Registration Add(List<MemoryTarget> targets)
    {
        Apply(map => map.With(targets));
        return new Registration(() => Apply(map => map.Without(targets)));
    }

    private void Apply(Change change)
    {
        using (UninterruptedLock.Enter(_lock))
        {
            Volatile.Write(ref _map, change(_map));
        }
    }
}
