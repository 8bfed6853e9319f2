using Hyperspan.Interop.Linux;

namespace Hyperspan.Snapshots;

/// <summary>A region whose pages are put in place when they are first accessed.</summary>
internal sealed unsafe class OnDemandBacking : GuestMemoryBacking
{
    private readonly OnDemandPages _pages;
    private readonly AddressReservation _reservation;
    private readonly ulong _start;
    private readonly ulong _lead;

    internal OnDemandBacking(OnDemandPages pages, SnapshotRegion region)
    {
        _pages = pages;
        Length = region.Range.Length;
        Name = region.Name;
        _start = region.Range.Start.Value;
        PagesStart = PageMath.RoundDown(_start, PageMath.HostPageSize);
        _lead = _start - PagesStart;
        PageMath.RequireMappableLength(Length, nameof(region));
        _reservation = AddressReservation.Allocate(_lead + Length, PageMath.PageSize, Name, noReserve: true);

        // Pages come one by one, so large ones would never come about, or swallow what is missing.
        _reservation.AdviseHugePages(0, _reservation.Length, HugePageAdvice.Avoid);
    }

    public override ulong Length { get; }

    public override byte* Mapping => _reservation.Address + _lead;

    public override FaultBehavior FaultBehavior => FaultBehavior.MayFault;

    public override string Name { get; }

    internal override bool HasHooks => false;

    /// <summary>Gets the first of the system's pages that the region lies in, as they are put in place.</summary>
    internal byte* Pages => _reservation.Address;

    internal ulong PagesLength => _reservation.Length;

    /// <summary>Gets the guest-physical address of the first page: where the region begins, or before that, where the system's pages are larger than the guest's.</summary>
    internal ulong PagesStart { get; }

    protected internal override PageFaultAction OnPageFault(in PageFault fault) =>
        fault.Cause == FaultCause.BusError ? _pages.Resolve((_start + fault.Offset) >> SnapshotFormat.PageShift) : base.OnPageFault(fault);

    protected override void Release() =>

        // Pages that are missing stay so; those that are there go. Should the kernel refuse, they stay with the addresses.
        _ = _reservation.MapAnonymous(0, _reservation.Length, MappingProtection.None, noReserve: true, out _);

    protected override void ReleaseAddresses() => _reservation.GiveBack();
}
