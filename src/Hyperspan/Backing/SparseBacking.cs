using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>
/// A range of addresses in which memory comes and goes: private memory, zero pages, parts of files. Reserving takes no memory, so it may be far
/// larger than the machine's.
/// </summary>
/// <remarks>
/// <para>
/// A page is <em>reserved</em> at first: every access to it faults. <see cref="Commit(ulong, ulong)"/>, <see cref="MapZero"/> and <see cref="MapFile"/>
/// put something there, <see cref="Decommit"/> and <see cref="Unmap"/> take it away again.
/// </para>
/// <para>
/// Offsets and lengths are in bytes and multiples of 4 KiB; a length of zero does nothing. All methods may be called from any thread, page-fault
/// handlers included, while others access the memory: these see a page as it was or as it is, nothing in between. Operations take effect one after
/// another. One that the system refuses changes nothing, unless its description says otherwise.
/// </para>
/// <para>
/// A system whose own pages are larger than 4 KiB (arm64 has 16 and 64 KiB too) changes whole ones of them: a range, or its place in a file, that begins or ends inside of one is
/// refused with a <see cref="GuestMemoryMappingException"/> that names their size, unless it ends where the mapping does. <see cref="Prefault"/> and
/// <see cref="AdviseHugePages"/>, which change nothing that is mapped, take the pages that a range has a part of.
/// </para>
/// <para>
/// While a page is pinned, what is mapped there is neither replaced nor removed, and its protection not reduced: an operation that would do so fails
/// with <see cref="InvalidOperationException"/> and changes nothing. Putting something where there is nothing, and widening a
/// protection, go through: a page-fault handler that is called while pages are being pinned depends on it.
/// </para>
/// <para>
/// On Windows there are parts of files where the system can do it (<see cref="HyperspanAbility.MappedFileParts"/>). A page that is replaced is a hole for a moment there, and so
/// is the rest of a part of a file of which some pages are unmapped or replaced: accesses through a <see cref="GuestMemory"/> wait for that to be over, bare pointers fault; an
/// operation that would do so to a pinned page is refused. Memory is promised by the system when it is committed, zero pages included.
/// </para>
/// <para>What is replaced, or given back, counts as written for a <see cref="DirtyLog"/>.</para>
/// <para>The processor's protection applies to all memories made over this mapping. Pages are never executable in this process, whatever is asked for.</para>
/// </remarks>
public sealed unsafe partial class SparseBacking : GuestMemoryBacking
{
    private readonly Lock _gate = new();
    private readonly AddressReservation _reservation;
    private readonly MappingTable _table = new();
    private readonly PagePins _locks = new();

    /// <summary>Initializes a new instance of the <see cref="SparseBacking"/> class, with all pages reserved.</summary>
    /// <param name="length">The length in bytes, a multiple of 4 KiB and not zero.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">
    /// <paramref name="length"/> is not a multiple of 4 KiB, or the alignment no power of two from 4 KiB to 1 GiB.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="length"/> is zero or more than can be mapped, or the fault behavior is <see cref="FaultBehavior.Never"/>.
    /// </exception>
    /// <exception cref="GuestMemoryMappingException">The process has not so many addresses left.</exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor Windows on x86-64.</exception>
    public SparseBacking(ulong length, SparseBackingOptions? options = null)
    {
        PlatformAbilities.Demand(HyperspanAbility.MappedMemory);
        options ??= new SparseBackingOptions();
        ArgumentOutOfRangeException.ThrowIfZero(length);
        PageMath.RequirePageAligned(length, nameof(length));
        PageMath.RequireMappableLength(length, nameof(length));
        PageMath.RequireAlignment(options.Alignment, nameof(options));
        ArgumentNullException.ThrowIfNull(options.Name, nameof(options));
        if (options.FaultBehavior is not (FaultBehavior.MayFault or FaultBehavior.MayBlock))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.FaultBehavior, "A sparse mapping has holes, so accesses to it may fault.");
        }

        Length = length;
        Name = options.Name;
        FaultBehavior = options.FaultBehavior;
        _reservation = AddressReservation.Reserve(length, options.Alignment, options.Name, divisible: true);
        SetName(0, length);
    }

    /// <inheritdoc/>
    public override ulong Length { get; }

    /// <inheritdoc/>
    public override byte* Mapping => _reservation.Address;

    /// <inheritdoc/>
    public override FaultBehavior FaultBehavior { get; }

    /// <inheritdoc/>
    public override string Name { get; }

    internal override bool HasHooks => false;

    /// <summary>Gets, on Windows, what lies where, if parts of files can lie among the rest.</summary>
    internal DividedAddresses? Divided => _reservation.Divided;

    /// <summary>
    /// Waits, on Windows, for an operation under way, which there may leave holes for a moment; if the page is there then, the access is repeated. Otherwise, and elsewhere,
    /// it fails.
    /// </summary>
    /// <inheritdoc/>
    protected internal override PageFaultAction OnPageFault(in PageFault fault)
    {
        if (OperatingSystem.IsWindows() && fault.Cause == FaultCause.SegmentationFault)
        {
            using (UninterruptedLock.Enter(_gate))
            {
                // SAFETY: a guarded access of one byte inside the mapping, which stays reserved.
                if (Guard.FindLowestFault(Mapping + fault.Offset, 1, fault.IsWrite, FaultBehavior == FaultBehavior.MayBlock).IsNone)
                {
                    return PageFaultAction.Retry;
                }
            }
        }

        return base.OnPageFault(fault);
    }

    /// <inheritdoc/>
    protected override void Release()
    {
        using (UninterruptedLock.Enter(_gate))
        {
            // All of it goes, the addresses stay. Should the kernel refuse, the memory stays with them.
            _ = _reservation.MapAnonymous(0, _reservation.Length, MappingProtection.None, noReserve: true, out _);
            _table.Clear(0, Length);
        }
    }

    /// <summary>
    /// Refuses what would bring the process near the kernel's limit on mappings: an operation that begins or ends inside a mapping, reserved space included,
    /// makes two of it there.
    /// </summary>
    private void RequireMappings(string operation, ulong offset, ulong end)
    {
        int more = (IsBoundary(offset) ? 0 : 1) + (IsBoundary(end) ? 0 : 1);
        if (more != 0 && MappingBudget.Take(more) is { } refusal)
        {
            throw new GuestMemoryMappingException(operation, ErrorNumber.NoMemory, Name, (offset, end - offset), refusal);
        }
    }

    /// <summary>Whether different things lie on either side of a place.</summary>
    private bool IsBoundary(ulong at)
    {
        if (at == 0 || at == Length)
        {
            return true;
        }

        bool before = _table.TryFind(at - 1, out MappingSegment left);
        bool after = _table.TryFind(at, out MappingSegment right);
        return before != after || (before && left.Start != right.Start);
    }

    /// <inheritdoc/>
    protected override void ReleaseAddresses() => _reservation.GiveBack();

    private static MappingProtection Bits(Protection protection) =>
        (protection.CanRead ? MappingProtection.Read : MappingProtection.None)
        | (protection.CanWrite ? MappingProtection.Write : MappingProtection.None);

    /// <summary>The name is lost with what was mapped; the new pages get it.</summary>
    private void SetName(ulong offset, ulong length) => _reservation.SetName(offset, length, Name);

    /// <summary>Undoes an mprotect that failed half-way, as far as the kernel lets us.</summary>
    private void RestoreProtection(ulong start, ulong end)
    {
        foreach (MappingSegment segment in _table.In(start, end))
        {
            if (start < segment.Start)
            {
                _reservation.Withdraw(start, segment.Start - start);
            }

            _ = _reservation.Protect(segment.Start, segment.End - segment.Start, Bits(segment.Protection));
            start = segment.End;
        }

        if (start < end)
        {
            _reservation.Withdraw(start, end - start);
        }
    }

    /// <summary>Accounts for a failed replacement, and makes the exception.</summary>
    private GuestMemoryMappingException Failed(string operation, int error, ulong offset, ulong length, bool emptied, string? hint = null)
    {
        if (emptied)
        {
            _table.Clear(offset, offset + length);
        }

        if (OperatingSystem.IsWindows())
        {
            // The rest of a view that was divided may not have come back.
            foreach ((ulong start, ulong end) in _reservation.Divided?.Vacant() ?? [])
            {
                _table.Clear(start, end);
            }

            return new GuestMemoryMappingException(operation, error, Name, (offset, length), hint);
        }

        if (hint is null && error == ErrorNumber.InvalidArgument && _table.Files.Count != 0)
        {
            hint = "parts of files on huge pages begin and end at multiples of the huge page size only";
        }
        else if (error == ErrorNumber.NoMemory)
        {
            hint ??= "there is no memory, or too many mappings (/proc/sys/vm/max_map_count)";
        }

        return new GuestMemoryMappingException(operation, error, Name, (offset, length), hint);
    }

    /// <summary>
    /// Refuses, on Windows, what would take pinned pages away for a moment: a view cannot be divided, the rest of it has to be mapped again. With a protection, that is so where
    /// it permits more than the view does.
    /// </summary>
    private void RequireUndisturbed(string operation, ulong offset, ulong end, Protection? protection = null)
    {
        if (!OperatingSystem.IsWindows() || _reservation.Divided is not { } divided)
        {
            return;
        }

        Interop.Windows.PageProtection? wanted = protection is { } given ? AddressReservation.OnWindows(Bits(given)) : null;
        foreach ((ulong from, ulong to) in divided.Disturbed(offset, end, wanted))
        {
            if (_locks.FirstIn(from >> PageMath.PageShift, to >> PageMath.PageShift) is { } page)
            {
                throw new InvalidOperationException(
                    Describe(operation, offset, end - offset) + $": page {page} is pinned, and of the same part of a file, which Windows maps and unmaps as a whole.");
            }
        }
    }

    /// <summary>An operation under way: the mapping is not released before it ends, and none other changes it meanwhile.</summary>
    private readonly ref struct Exclusive
    {
        private readonly SparseBacking _mapping;

        /// <summary>Initializes a new instance of the <see cref="Exclusive"/> struct: begins the operation, when the one before it has ended.</summary>
        /// <exception cref="ObjectDisposedException">The mapping has been disposed.</exception>
        internal Exclusive(SparseBacking mapping)
        {
            mapping.BeginUse();
            try
            {
                mapping._gate.Enter();
            }
            catch
            {
                mapping.EndUse();
                throw;
            }

            _mapping = mapping;
        }

        public void Dispose()
        {
            _mapping._gate.Exit();
            _mapping.EndUse();
        }
    }
}
