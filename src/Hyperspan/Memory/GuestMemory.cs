using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Hyperspan.Guarding;
using Hyperspan.Synchronization;
using Hyperspan.Translation;

namespace Hyperspan;

/// <summary>A guest's physical memory, accessed by guest-physical address.</summary>
/// <remarks>
/// <para>
/// Every access is byte-exact or a precise error. Whatever the guest, the kernel or another process does to the memory meanwhile (unmap it, protect it, truncate
/// the file behind it, dispose it), the process survives. An access that fails reports the lowest address in its range that could not be accessed; a failed write
/// of several bytes may have written some of those below it. Bounds are checked for the whole range before anything is accessed.
/// </para>
/// <para>
/// All members are safe to use from any number of threads at once. Values of 1, 2, 4 and 8 bytes at naturally aligned addresses are read and written
/// by exactly one processor access: never torn, never read twice. Larger or misaligned ones are copied like bytes.
/// </para>
/// <para>
/// Each operation has a throwing form (<see cref="GuestMemoryException"/>) and a <c>Try</c> form that neither throws nor allocates.
/// An access of zero bytes succeeds at any address.
/// </para>
/// <example>
/// <code>
/// using var memory = new GuestMemory(new SharedBacking(256 &lt;&lt; 20));
/// memory.Write(0x1000, 42u);
/// if (!memory.TryRead(0xdead_beef_0000, out uint value, out GuestMemoryFault fault))
/// {
///     Console.Error.WriteLine(fault);
/// }
/// </code>
/// </example>
/// </remarks>
[SkipLocalsInit]
public sealed unsafe partial class GuestMemory : IDisposable
{
    // What regions look like from outside: made when it is first asked for, and kept beside the object, since slices are made by the million.
    private static readonly ConditionalWeakTable<GuestMemory, IReadOnlyList<GuestMemoryRegion>> Described = [];

    // The region at address zero, or, in a slice inside one region, that region and the part of it: what the fast paths need. Other regions are found by the table.
    internal RegionSlot First;

    // Its exact length, for bytes, where it is direct.
    internal ulong FirstReadBytes;
    internal ulong FirstWriteBytes;
    internal RegionTable Table;

    // The last address of the last region; zero where there is none.
    internal readonly ulong LastAddress;
    internal readonly MemoryGate Gate;

    // What values that were written ask whether they are marked: in the region at address zero, and in each, by the slots of the table. Null for a region where there is
    // more to be told, or nothing, and in slices.
    private RegionLog? _firstLog;
    private RegionLog?[]? _logs;

    // Of a slice: what it was made from, kept so that a disposal further up finds it; and where it lies in the memory that all of them were made from (the gate's), or in
    // what a backing has made in between. So nothing that is asked of a slice depends on its depth.
    private readonly GuestMemory? _parent;
    private readonly ulong _windowStart;
    private readonly bool _strict;
    private readonly bool _leaveOpen;
    private bool _closed;
    private bool _hasSlices;

    // The slices made from this one, which are closed with it. What is made from a root notices by the gate and is not listed. What shows a memory that a backing
    // has made is listed in that and in its root as well.
    private SliceList? _slices;

    /// <summary>Initializes a new instance of the <see cref="GuestMemory"/> class with one region at address zero.</summary>
    /// <param name="backing">What stands behind the memory. It is disposed with it; use <see cref="GuestMemoryBuilder"/> to place it elsewhere.</param>
    /// <param name="name">The name used in errors; the backing's where it is <see langword="null"/>.</param>
    /// <exception cref="ArgumentException">The backing's mapping is misaligned, or its access bitmaps are the default value.</exception>
    /// <exception cref="ObjectDisposedException"><paramref name="backing"/> has been disposed.</exception>
    /// <exception cref="PlatformNotSupportedException">The backing's mapping can fault and this system has no way to recover from that.</exception>
    public GuestMemory(GuestMemoryBacking backing, string? name = null)
        : this(backing, name, leaveOpen: false)
    {
    }

    /// <summary>Initializes a new instance of the <see cref="GuestMemory"/> class with one region at address zero.</summary>
    /// <param name="backing">What stands behind the memory.</param>
    /// <param name="name">The name used in errors; the backing's where it is <see langword="null"/>.</param>
    /// <param name="leaveOpen">Whether the backing stays open when the memory is disposed.</param>
    /// <inheritdoc cref="GuestMemory(GuestMemoryBacking, string?)" path="/exception"/>
    public GuestMemory(GuestMemoryBacking backing, string? name, bool leaveOpen)
        : this(NameOf(backing, name), SingleRegion(backing, leaveOpen), strict: false, leaveOpen: false)
    {
    }

    internal GuestMemory(string name, MemoryRegion[] regions, bool strict, bool leaveOpen)
    {
        ArgumentNullException.ThrowIfNull(name);
        _strict = strict;
        _leaveOpen = leaveOpen;
        Table = RegionTable.Build(regions);
        LastAddress = Table.Last;
        Gate = new MemoryGate(this, name);
        foreach (MemoryRegion region in regions)
        {
            if (region.Base != null && (region.FaultBehavior != FaultBehavior.Never || region.HasBitmaps))
            {
                Guard.EnsureInstalled();
                ThrowUnlessGuarded(region);
            }
        }

        OpenFirst();
        foreach (MemoryRegion region in regions)
        {
            region.Backing.Attach(this);
        }
    }

    /// <summary>A memory whose addresses are translated: two halves, since no length can say 2^64.</summary>
    private GuestMemory(TranslatedMemory translation, string name)
        : this(name, [Half(translation, 0), Half(translation, TranslatedBacking.HalfLength)], strict: false, leaveOpen: false)
    {
        foreach (MemoryRegion region in translation.Target.Clipped)
        {
            region.Backing.Attach(this);
        }

        translation.Target.List(this);
    }

    /// <summary>A slice of several regions, or of none.</summary>
    private GuestMemory(GuestMemory parent, MemoryRegion[] regions, ulong start)
        : this(parent, parent.Gate)
    {
        _windowStart = parent._windowStart + start;
        Table = RegionTable.Build(regions);
        LastAddress = Table.Last;
        OpenFirst();
        parent.Attach(this);
    }

    /// <summary>
    /// A slice inside one region, at the cost of one object: what the fast paths need is set, the rest is made when it is first asked for.
    /// </summary>
    private GuestMemory(GuestMemory parent, MemoryRegion region, ulong start, ulong length)
        : this(parent, parent.Gate)
    {
        _windowStart = parent._windowStart + start;
        LastAddress = length - 1;
        Table = RegionTable.Pending;
        SetFirst(region, start - region.Start, length);
        parent.Attach(this);
    }

    /// <summary>
    /// A slice that shows a memory which a backing has made for it, and is closed with that as well. The gates of both would have to be looked at: its own is
    /// disturbed from the start, so that each access asks whether both are open.
    /// </summary>
    private GuestMemory(GuestMemory parent, GuestMemory made, ulong start)
        : this(parent, new MemoryGate(new ShownPlace(parent, start)))
    {
        Table = RegionTable.Build(made.Clipped);
        LastAddress = Table.Last;
        OpenFirst();
        parent.Attach(this);
        made.List(this);
        made.Gate.Root.NoteSlice();
        if (made._parent is not null)
        {
            made.Gate.Root.List(this);
        }
    }

    /// <summary>What is the same for every slice.</summary>
    private GuestMemory(GuestMemory parent, MemoryGate gate)
    {
        _parent = parent;
        _strict = parent._strict;
        _leaveOpen = true;
        Gate = gate;
        Table = RegionTable.Empty;
        parent.Gate.Root.NoteSlice();
    }

    /// <summary>Gets a memory without any address: every access of at least one byte is out of range.</summary>
    public static GuestMemory Empty { get; } = new("empty", [], strict: false, leaveOpen: true);

    /// <summary>Gets the name used in errors.</summary>
    public string Name => Gate.Name;

    /// <summary>
    /// Gets the first address past the last region, or zero for an empty memory and for one that has the last byte of the address space: see <see cref="Last"/>.
    /// It is not the amount of memory where there are gaps.
    /// </summary>
    public ulong End => Clipped.Length == 0 ? 0 : unchecked(LastAddress + 1);

    /// <summary>Gets the last address of the last region, or <see langword="null"/> for an empty memory.</summary>
    public GuestAddress? Last => Clipped.Length == 0 ? null : new(LastAddress);

    /// <summary>Gets a value indicating whether an access that crosses from one region into the next is an error, even if they touch.</summary>
    public bool IsStrict => _strict;

    /// <summary>Gets a value indicating whether this memory, or one it is a slice of, has been disposed.</summary>
    public bool IsDisposed => Volatile.Read(ref _closed) || Volatile.Read(ref Gate.Root._closed);

    /// <summary>Gets how much memory there is, in bytes: the lengths of all regions. Where there are no gaps, that is <see cref="End"/> as well.</summary>
    public ulong Length
    {
        get
        {
            ulong length = 0;
            foreach (MemoryRegion region in Clipped)
            {
                length = unchecked(length + region.Length);
            }

            return length;
        }
    }

    /// <summary>Gets the regions in the order of their addresses, numbered from zero. They do not change.</summary>
    public IReadOnlyList<GuestMemoryRegion> Regions => Described.GetValue(this, static memory => memory.DescribeAll());

    /// <summary>Allocates zeroed memory on the heap, at address zero, with the name "heap".</summary>
    /// <param name="size">The size in bytes, rounded up to whole pages of 4096 bytes.</param>
    /// <returns>The memory; disposing it frees it.</returns>
    public static GuestMemory Allocate(ulong size)
    {
        PageMath.RequireMappableLength(size, nameof(size));
        return new(new HeapBacking(size), "heap");
    }

    /// <summary>
    /// Gets the mapping of all of the memory, where there is a single region at address zero whose mapping cannot fault and has no access bitmap.
    /// </summary>
    /// <param name="mapping">The host address of guest-physical address zero.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>Whether there is such a mapping.</returns>
    /// <remarks>The mapping may be used for as long as this object is referenced and not disposed; what is read through it is not checked.</remarks>
    public bool TryGetFullMapping(out byte* mapping, out ulong length)
    {
        if (Clipped is [{ IsDirect: true, Start: 0 } region] && region is { CanRead: true, CanWrite: true } && !IsClosed(region))
        {
            mapping = region.Base;
            length = region.Length;
            return true;
        }

        mapping = null;
        length = 0;
        return false;
    }

    /// <summary>Gets the I/O virtual address that a user-mode driver's device reaches a guest address by, without an IOMMU.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <returns>The address, or <see langword="null"/> where there is no memory or its backing has no I/O address.</returns>
    public ulong? GetIova(GuestAddress address) =>
        Find(address.Value) is { } region && region.Backing.BaseIova is { } iova ? iova + region.InBacking(address.Value) : null;

    /// <summary>
    /// Waits until no access that was permitted by bits cleared before this call can still take effect. Whoever clears bits of an access bitmap calls it
    /// before relying on it: before the page is given to somebody else, unmapped, or reported as protected. The same as
    /// <see cref="RcuDomain.Synchronize"/> of <see cref="RcuDomain.GuestMemory"/>.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait; nothing may be relied on then.</param>
    /// <exception cref="InvalidOperationException">The calling thread is inside a section of <see cref="RcuDomain.GuestMemory"/>.</exception>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    /// <remarks>Microseconds while no access is under way. Page-fault handlers and fallback methods may call it: they run outside of any section.</remarks>
    public static void SynchronizeRestrictions(CancellationToken cancellationToken = default)
    {
        RcuDomain.GuestMemory.Synchronize(cancellationToken);
    }

    /// <summary>Does what <see cref="SynchronizeRestrictions"/> does, on a thread of the pool.</summary>
    /// <param name="cancellationToken">Ends the wait; nothing may be relied on then.</param>
    /// <returns>A task that ends when no access that was permitted before can still take effect.</returns>
    /// <exception cref="InvalidOperationException">The calling thread is inside a section of <see cref="RcuDomain.GuestMemory"/>.</exception>
    public static Task SynchronizeRestrictionsAsync(CancellationToken cancellationToken = default)
    {
        RcuDomain.GuestMemory.ThrowIfInSection();
        return Task.Run(() => SynchronizeRestrictions(cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Closes this memory and its slices and, unless it was built to leave them open, disposes the backings. Accesses under way succeed
    /// or fail with <see cref="GuestMemoryFaultKind.Disposed"/>. Disposing a slice closes that slice alone.
    /// </summary>
    /// <remarks>What a backing throws when it is released comes out when all the others have been disposed; of several exceptions, the first.</remarks>
    [SuppressMessage("Design", "CA1031", Justification = "The first exception of a backing reaches the caller after the others are disposed.")]
    public void Dispose()
    {
        if (this == Empty || Interlocked.Exchange(ref _closed, true))
        {
            return;
        }

        if (_parent is null)
        {
            Gate.Disturb();
        }

        Close();
        ExceptionDispatchInfo? failure = null;
        foreach (MemoryRegion region in Clipped)
        {
            try
            {
                if (Volatile.Read(ref _hasSlices))
                {
                    region.Backing.KeepAddresses();
                }

                if (!_leaveOpen && !region.LeaveOpen)
                {
                    region.Backing.Dispose();
                }
                else if (_parent is null)
                {
                    region.Backing.Detach(this);
                }
            }
            catch (Exception e)
            {
                failure ??= ExceptionDispatchInfo.Capture(e);
            }
        }

        failure?.Throw();
    }

    /// <summary>What translates the addresses of this memory, or of the one that it is a slice of; null where nothing does.</summary>
    internal TranslatedMemory? Translation => Gate.Root.Clipped is [{ Translated: { } translated }, ..] ? translated.Owner : null;

    /// <summary>Makes the memory whose addresses are translated.</summary>
    internal static GuestMemory CreateTranslated(TranslatedMemory translation, string name) => new(translation, name);

    /// <summary>
    /// Called by a backing that is being disposed: from now on direct accesses must ask whether their region is still there. Of what stands behind translations no
    /// fast path has one any more when this returns: then there is nothing to ask.
    /// </summary>
    internal void OnBackingClosed(GuestMemoryBacking backing)
    {
        if (IsBelow(backing))
        {
            Translation!.Forget();
            return;
        }

        Gate.Disturb();
    }

    /// <summary>Whether an access may touch the addresses of a backing that this is made over: not when this is closed, and none that looks for a translation first.</summary>
    internal bool HasAddressesOf(GuestMemoryBacking backing) => !IsDisposed && !IsBelow(backing);

    /// <summary>Remembers that there are slices: those of this itself are not told when it is closed, but look whether it is open when they have accessed something.</summary>
    private void NoteSlice()
    {
        if (!_hasSlices)
        {
            Volatile.Write(ref _hasSlices, true);
        }
    }

    /// <summary>Remembers a slice of a slice, to close it with this one.</summary>
    private void Attach(GuestMemory slice)
    {
        if (_parent is not null)
        {
            List(slice);
        }
    }

    /// <summary>Remembers what is to be closed with this one. Either the disposal finds it, or it finds the disposal.</summary>
    private void List(GuestMemory slice)
    {
        SliceList slices = _slices ?? Interlocked.CompareExchange(ref _slices, new SliceList(), null) ?? _slices;
        slices.Add(slice);
        if (IsDisposed)
        {
            slice.Close();
        }
    }

    /// <summary>Closes this and all that was made from it. Not by recursion: there may be any number of levels.</summary>
    private void Close()
    {
        var open = new Stack<GuestMemory>();
        open.Push(this);
        while (open.TryPop(out GuestMemory? memory))
        {
            Volatile.Write(ref memory._closed, true);
            memory.CloseFirst();
            if (memory._parent is null)
            {
                memory.Translation?.Forget();
            }
            Volatile.Read(ref memory._slices)?.AddTo(open);
        }
    }

    private System.Collections.ObjectModel.ReadOnlyCollection<GuestMemoryRegion> DescribeAll()
    {
        ReadOnlySpan<MemoryRegion> regions = Clipped;
        var list = new GuestMemoryRegion[regions.Length];
        for (int i = 0; i < list.Length; i++)
        {
            list[i] = Describe(regions[i], i);
        }

        return list.AsReadOnly();
    }

    /// <summary>The regions in the order of their addresses, also when this is closed. A slice inside one region makes its own when they are first asked for.</summary>
    internal ReadOnlySpan<MemoryRegion> Clipped => Map.Regions;

    /// <summary>The region that contains an address, or null where there is none or this memory is closed.</summary>
    internal MemoryRegion? Find(ulong address) => Map.Find(address);

    private RegionTable Map => Table == RegionTable.Pending ? MakeTable() : Table;

    private RegionTable MakeTable()
    {
        // Unless it is closed meanwhile: then the table finds nothing, and stays so.
        RegionTable made = RegionTable.Build([First.Clip(LastAddress + 1)]);
        RegionTable found = Interlocked.CompareExchange(ref Table, made, RegionTable.Pending);
        return found == RegionTable.Pending ? made : found;
    }

    /// <summary>The parts of regions that lie in a window, at the addresses they have in it.</summary>
    private static MemoryRegion[] ClipRegions(ReadOnlySpan<MemoryRegion> regions, ulong start, ulong length)
    {
        var parts = new List<MemoryRegion>();
        foreach (MemoryRegion region in regions)
        {
            if (region.Start <= start + (length - 1) && region.Last >= start)
            {
                parts.Add(region.Clip(start, length));
            }
        }

        return [.. parts];
    }

    private static MemoryRegion Half(TranslatedMemory translation, ulong start) =>
        MemoryRegion.Create(start, new TranslatedBacking(translation, start), 0, null, Protection.ReadWrite, leaveOpen: false)!;

    private static string NameOf(GuestMemoryBacking backing, string? name)
    {
        ArgumentNullException.ThrowIfNull(backing);
        return name ?? backing.Name;
    }

    private static MemoryRegion[] SingleRegion(GuestMemoryBacking backing, bool leaveOpen) =>
        MemoryRegion.Create(0, backing, 0, null, Protection.ReadWriteExecute, leaveOpen) is { } region ? [region] : [];

    /// <summary>Opens the fast paths of the region at address zero, if there is one.</summary>
    private void OpenFirst()
    {
        if (IsDisposed)
        {
            CloseFirst();
        }
        else if (Table.Regions is [{ Start: 0 } first, ..])
        {
            SetFirst(first, 0, first.Length);
        }
    }

    /// <summary>Opens the fast paths for the region at address zero, or for the part of it that a slice shows.</summary>
    private void SetFirst(MemoryRegion region, ulong skip, ulong length)
    {
        First.Set(region, skip, length);
        if (region.IsDirect)
        {
            FirstReadBytes = region.CanRead ? length : 0;
            FirstWriteBytes = region.CanWrite ? length : 0;
        }
    }

    /// <summary>Closes all fast paths: nothing is found any more.</summary>
    private void CloseFirst()
    {
        First.Close();
        Volatile.Write(ref FirstReadBytes, 0);
        Volatile.Write(ref FirstWriteBytes, 0);
        Table = Map.Closed();
    }

    /// <summary>
    /// Refuses a mapping that can fault where nothing recovers from that, so that no access finds out; else has this thread take the signals of faults.
    /// </summary>
    private static void ThrowUnlessGuarded(MemoryRegion region)
    {
        if (region.FaultBehavior == FaultBehavior.Never)
        {
            return;
        }

        HyperspanEnvironment.Demand(HyperspanAbility.RecoveredFaults);
        HyperspanEnvironment.PrepareThread();
    }
}
