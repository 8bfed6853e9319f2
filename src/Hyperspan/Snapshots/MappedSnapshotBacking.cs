using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <summary>A region as a snapshot has it: runs of its files mapped privately, zeros elsewhere.</summary>
internal sealed unsafe class MappedSnapshotBacking : GuestMemoryBacking
{
    private readonly AddressReservation _reservation;

    internal MappedSnapshotBacking(SnapshotRegion region, FaultBehavior behavior)
    {
        Length = region.Range.Length;
        Name = region.Name;
        FaultBehavior = behavior;
        PagesStart = region.Range.Start.Value;
        PageMath.RequireMappableLength(Length, nameof(region));
        _reservation = AddressReservation.Allocate(Length, PageMath.PageSize, Name, noReserve: true, divisible: true);
    }

    public override ulong Length { get; }

    public override byte* Mapping => _reservation.Address;

    public override FaultBehavior FaultBehavior { get; }

    public override string Name { get; }

    /// <summary>The guest-physical address of the first page.</summary>
    internal ulong PagesStart { get; }

    internal override bool HasHooks => false;

    /// <summary>
    /// What of a run the system can map: whole pages of its own that lie alike in memory and in the file. Nothing where the end is the start.
    /// </summary>
    internal (ulong Start, ulong End) Mappable(ulong address, ulong length, ulong fileOffset)
    {
        ulong within = address - PagesStart;
        ulong start = PageMath.RoundUp(within, PageMath.HostPageSize);
        ulong end = PageMath.RoundDown(within + length, PageMath.HostPageSize);
        return start < end && ((within ^ fileOffset) & (PageMath.HostPageSize - 1)) == 0 ? (PagesStart + start, PagesStart + end) : (address, address);
    }

    /// <summary>Puts a run of a file in place, of which all can be mapped. Nobody else knows of the mapping yet.</summary>
    /// <returns>Zero or an error number.</returns>
    internal int MapRun(ulong address, ulong length, SafeFileHandle file, ulong fileOffset)
    {
        if (OperatingSystem.IsWindows())
        {
            return _reservation.MapFile(address - PagesStart, length, MappingProtection.ReadWrite, isPrivate: true, file, fileOffset, out _);
        }

        const MappingFlags Flags = MappingFlags.Private | MappingFlags.NoReserve | MappingFlags.Fixed;
        using var held = new HeldDescriptor(file);
        return _reservation.MapFixed(address - PagesStart, length, MappingProtection.ReadWrite, Flags, held.Number, fileOffset, out _);
    }

    /// <summary>Gets private pages to be filled. Nobody else knows of the mapping yet.</summary>
    internal Span<byte> Pages(ulong address, int length) =>

        // SAFETY: whole pages within the reservation, private and writable.
        new(_reservation.Address + (address - PagesStart), length);

    protected override void Release() => _ = _reservation.MapAnonymous(0, _reservation.Length, MappingProtection.None, noReserve: true, out _);

    protected override void ReleaseAddresses() => _reservation.GiveBack();
}
