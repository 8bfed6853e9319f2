using Hyperspan.Interop.Linux;

namespace Hyperspan.Snapshots;

/// <summary>A region whose pages are put in place when they are first accessed.</summary>
internal sealed unsafe class OnDemandBacking : GuestMemoryBacking
{
    private readonly OnDemandPages _pages;
    private readonly AddressReservation _reservation;

    internal OnDemandBacking(OnDemandPages pages, SnapshotRegion region)
    {
        _pages = pages;
        Length = region.Range.Length;
        Name = region.Name;
        PagesStart = region.Range.Start.Value;
        PageMath.RequireMappableLength(Length, nameof(region));
        _reservation = AddressReservation.Allocate(Length, PageMath.PageSize, Name, noReserve: true);

        // Pages come one by one, so large ones would never come about, or swallow what is missing.
        _reservation.AdviseHugePages(0, _reservation.Length, HugePageAdvice.Avoid);
    }

    public override ulong Length { get; }

    public override byte* Mapping => _reservation.Address;

    public override FaultBehavior FaultBehavior => FaultBehavior.MayFault;

    public override string Name { get; }

    internal override bool HasHooks => false;

    internal ulong PagesLength => _reservation.Length;

    /// <summary>The guest-physical address of the first page.</summary>
    internal ulong PagesStart { get; }

    protected internal override PageFaultAction OnPageFault(in PageFault fault) =>
        fault.Cause == FaultCause.BusError ? _pages.Resolve((PagesStart + fault.Offset) >> SnapshotFormat.PageShift) : base.OnPageFault(fault);

    protected override void Release() =>

        // Pages that are missing stay so; those that are there go. Should the kernel refuse, they stay with the addresses.
        _ = _reservation.MapAnonymous(0, _reservation.Length, MappingProtection.None, noReserve: true, out _);

    protected override void ReleaseAddresses() => _reservation.GiveBack();
}
