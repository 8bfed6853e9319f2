using System.Diagnostics;
using System.Globalization;
using System.Numerics;

namespace Hyperspan;

/// <summary>Lays out regions over backings and builds a <see cref="GuestMemory"/> from them.</summary>
/// <remarks>
/// Regions may lie anywhere and in any order, as long as no two of them share a page of 4096 bytes; looking one up takes the same time however many there are.
/// Not safe for use from several threads at once.
/// <example>
/// RAM below and above the hole for 32-bit devices:
/// <code>
/// using GuestMemory memory = new GuestMemoryBuilder("ram")
///     .AddRegion(0, ram, backingOffset: 0, length: 3UL &lt;&lt; 30)
///     .AddRegion(1UL &lt;&lt; 32, ram, backingOffset: 3UL &lt;&lt; 30, length: 1UL &lt;&lt; 30)
///     .Build();
/// </code>
/// </example>
/// </remarks>
[DebuggerDisplay("{Name}, {_regions.Count} regions")]
public sealed class GuestMemoryBuilder
{
    private readonly string? _name;
    private readonly List<MemoryRegion> _regions = [];
    private bool _strict;
    private bool _leaveOpen;

    /// <summary>Initializes a new instance of the <see cref="GuestMemoryBuilder"/> class.</summary>
    /// <param name="name">The name of the memory, used in errors; that of the lowest region's backing where it is <see langword="null"/>.</param>
    public GuestMemoryBuilder(string? name = null) => _name = name;

    private string Name => _name ?? (_regions.Count == 0 ? GuestMemory.Empty.Name : _regions[0].Backing.Name);

    /// <summary>Makes accesses that cross from one region into the next an error, as in the source documents, even where the regions touch.</summary>
    /// <returns>This builder.</returns>
    public GuestMemoryBuilder Strict()
    {
        _strict = true;
        return this;
    }

    /// <summary>Leaves the backings open when the memory is disposed: their owner disposes them.</summary>
    /// <returns>This builder.</returns>
    public GuestMemoryBuilder LeaveBackingsOpen()
    {
        _leaveOpen = true;
        return this;
    }

    /// <summary>Adds a region of zeroed memory of this process: a <see cref="HeapBacking"/>, which the memory owns.</summary>
    /// <param name="start">The guest-physical address of the first byte. Usually a multiple of 4096.</param>
    /// <param name="length">The length in bytes, rounded up to whole pages of 4096 bytes. An empty region adds nothing.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException">The region wraps past 2^64, or shares a page with another; or the length is more than can be mapped.</exception>
    /// <exception cref="GuestMemoryMappingException">The system has not so much memory or address space left.</exception>
    public GuestMemoryBuilder AddRegion(GuestAddress start, ulong length)
    {
        var backing = new HeapBacking(length);
        try
        {
            return AddRegion(start, backing);
        }
        catch
        {
            backing.Dispose();
            throw;
        }
    }

    /// <summary>Adds a region that shows all of a backing. The same backing may be added more than once.</summary>
    /// <param name="start">
    /// The guest-physical address of the first byte. Usually a multiple of 4096; natural alignment of values is that of the backing's mapping.
    /// </param>
    /// <param name="backing">What stands behind the region.</param>
    /// <param name="protection">What accesses are permitted; without the right to write, writes fail with <see cref="GuestMemoryFaultKind.ReadOnly"/>.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException">The part is not in the backing, is misaligned, wraps past 2^64, or shares a page with another region.</exception>
    public GuestMemoryBuilder AddRegion(GuestAddress start, GuestMemoryBacking backing, Protection? protection = null) =>
        Insert(MemoryRegion.Create(start.Value, backing, 0, null, protection ?? Protection.ReadWriteExecute, leaveOpen: false));

    /// <summary>Adds a region that shows a part of a backing. The same backing may be added more than once.</summary>
    /// <param name="start">
    /// The guest-physical address of the first byte. Usually a multiple of 4096; natural alignment of values is that of the backing's mapping.
    /// </param>
    /// <param name="backing">What stands behind the region.</param>
    /// <param name="backingOffset">The first byte of the backing to show; a multiple of 4096.</param>
    /// <param name="length">How many bytes to show. An empty region adds nothing.</param>
    /// <param name="protection">What accesses are permitted; without the right to write, writes fail with <see cref="GuestMemoryFaultKind.ReadOnly"/>.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException">The part is not in the backing, is misaligned, wraps past 2^64, or shares a page with another region.</exception>
    public GuestMemoryBuilder AddRegion(GuestAddress start, GuestMemoryBacking backing, ulong backingOffset, ulong length, Protection? protection = null) =>
        Insert(MemoryRegion.Create(start.Value, backing, backingOffset, length, protection ?? Protection.ReadWriteExecute, leaveOpen: false));

    /// <summary>Adds a region that shows a part of a backing, and says who disposes that. The same backing may be added more than once.</summary>
    /// <param name="start">
    /// The guest-physical address of the first byte. Usually a multiple of 4096; natural alignment of values is that of the backing's mapping.
    /// </param>
    /// <param name="backing">What stands behind the region.</param>
    /// <param name="backingOffset">The first byte of the backing to show; a multiple of 4096.</param>
    /// <param name="length">How many bytes to show. An empty region adds nothing.</param>
    /// <param name="protection">What accesses are permitted; without the right to write, writes fail with <see cref="GuestMemoryFaultKind.ReadOnly"/>.</param>
    /// <param name="leaveOpen">Whether the backing stays open when the memory is disposed; it does not where another region of the memory says otherwise.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException">The part is not in the backing, is misaligned, wraps past 2^64, or shares a page with another region.</exception>
    public GuestMemoryBuilder AddRegion(
        GuestAddress start, GuestMemoryBacking backing, ulong backingOffset, ulong length, Protection protection, bool leaveOpen) =>
        Insert(MemoryRegion.Create(start.Value, backing, backingOffset, length, protection, leaveOpen));

    /// <summary>
    /// Adds equal regions one after the other from address zero on, as the source document on guest memory does:
    /// the n-th backing starts at n times <paramref name="regionSize"/>.
    /// </summary>
    /// <param name="regionSize">The size of each region's window in bytes: a power of two, at least a page. A backing may fill it.</param>
    /// <param name="backings">One backing a window; <see langword="null"/> leaves the window empty.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException">The size is no power of two or less than a page, there are too many regions for it, or a backing is larger.</exception>
    public GuestMemoryBuilder AddEqualRegions(ulong regionSize, params IReadOnlyList<GuestMemoryBacking?> backings)
    {
        ArgumentNullException.ThrowIfNull(backings);
        if (!BitOperations.IsPow2(regionSize))
        {
            throw Invalid(nameof(regionSize), $"region size 0x{regionSize:x} is not a power of 2");
        }

        if (regionSize < GuestAddress.PageSize)
        {
            throw Invalid(nameof(regionSize), $"region size 0x{regionSize:x} is smaller than a page");
        }

        // As in the document, the whole must stay within 63 bits of address.
        ulong most = 1UL << (63 - BitOperations.TrailingZeroCount(regionSize));
        if (BitOperations.RoundUpToPowerOf2((ulong)backings.Count) > most)
        {
            throw Invalid(nameof(backings), $"too many regions ({backings.Count}) for region size 0x{regionSize:x}; max is {most}");
        }

        var lengths = new ulong[backings.Count];
        for (int i = 0; i < lengths.Length; i++)
        {
            lengths[i] = backings[i]?.Length ?? 0;
            if (lengths[i] > regionSize)
            {
                throw Invalid(nameof(backings), $"backing size 0x{lengths[i]:x} is too large for region size 0x{regionSize:x}");
            }
        }

        for (int i = 0; i < lengths.Length; i++)
        {
            if (backings[i] is { } backing)
            {
                AddRegion((ulong)i * regionSize, backing, 0, lengths[i]);
            }
        }

        return this;
    }

    /// <summary>Builds the memory. The builder can be used again; what it builds then shares the backings.</summary>
    /// <returns>The memory.</returns>
    /// <exception cref="ObjectDisposedException">A backing has been disposed.</exception>
    /// <exception cref="PlatformNotSupportedException">A backing's mapping can fault and this system has no way to recover from that.</exception>
    public GuestMemory Build() => new(Name, [.. _regions], _strict, _leaveOpen);

    private static ArgumentException Invalid(string parameter, FormattableString message) =>
        new(message.ToString(CultureInfo.InvariantCulture), parameter);

    private GuestMemoryBuilder Insert(MemoryRegion? region)
    {
        if (region is null)
        {
            return this;
        }

        int at = _regions.FindIndex(other => other.Start > region.Start);
        at = at < 0 ? _regions.Count : at;
        ulong firstPage = region.Start >> GuestAddress.PageShift;
        ulong lastPage = (region.Start + (region.Length - 1)) >> GuestAddress.PageShift;
        MemoryRegion? clash = null;
        if (at > 0 && (_regions[at - 1].Start + (_regions[at - 1].Length - 1)) >> GuestAddress.PageShift >= firstPage)
        {
            clash = _regions[at - 1];
        }
        else if (at < _regions.Count && _regions[at].Start >> GuestAddress.PageShift <= lastPage)
        {
            clash = _regions[at];
        }

        if (clash is not null)
        {
            throw Invalid(
                "start",
                $"region 0x{region.Start:x}+0x{region.Length:x} shares a page with region 0x{clash.Start:x}+0x{clash.Length:x}");
        }

        _regions.Insert(at, region);
        return this;
    }
}
