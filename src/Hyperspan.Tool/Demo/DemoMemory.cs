using Hyperspan.Testing;

namespace Hyperspan.Tool.Demo;

/// <summary>The guest's memory: two sealed memory files as three regions, and one more region, added later, whose file can be truncated.</summary>
/// <remarks>
/// Each file is mapped several times: here by who made it, by the guest for its own view, and by the device, which gets the descriptors over the socket.
/// </remarks>
internal sealed class DemoMemory : IDisposable
{
    private readonly SharedBacking _ram = new(DemoLayout.RamLength, new SharedBackingOptions { Name = "demo-ram" });
    private readonly SharedBacking _high = new(DemoLayout.HighLength, new SharedBackingOptions { Name = "demo-high" });
    private readonly ForeignBacking _guestRam;
    private readonly ForeignBacking _guestHigh;
    private readonly UnsealedMemoryFile _moduleFile = new("demo-module", DemoLayout.ModuleLength);
    private readonly ForeignBacking _guestModule;

    internal DemoMemory()
    {
        _guestRam = new ForeignBacking(_ram.Handle, 0, DemoLayout.RamLength, new ForeignBackingOptions { Name = "ram" });
        _guestHigh = new ForeignBacking(_high.Handle, 0, DemoLayout.HighLength, new ForeignBackingOptions { Name = "high" });
        _guestModule = new ForeignBacking(_moduleFile.Handle, 0, DemoLayout.ModuleLength, new ForeignBackingOptions { Name = "module" });
        Regions =
        [
            new DemoRegion("low", 0, DemoLayout.LowLength, _guestRam, 0, _ram.Handle, Sealed: true),
            new DemoRegion("main", DemoLayout.MainStart, DemoLayout.RamLength - DemoLayout.MainStart, _guestRam, DemoLayout.MainStart, _ram.Handle, Sealed: true),
            new DemoRegion("high", DemoLayout.HighStart, DemoLayout.HighLength, _guestHigh, 0, _high.Handle, Sealed: true),
        ];
        Module = new DemoRegion("module", DemoLayout.ModuleStart, DemoLayout.ModuleLength, _guestModule, 0, _moduleFile.Handle, Sealed: false);
        Guest = Build(Regions);
        GuestWithModule = Build([.. Regions, Module]);
    }

    /// <summary>Gets the regions that are there from the start.</summary>
    internal IReadOnlyList<DemoRegion> Regions { get; }

    /// <summary>Gets the region that is added while the device runs.</summary>
    internal DemoRegion Module { get; }

    /// <summary>Gets a value indicating whether the added region has lost its memory.</summary>
    internal bool IsModuleTruncated { get; private set; }

    /// <summary>Gets the guest's view of its memory.</summary>
    internal GuestMemory Guest { get; }

    /// <summary>Gets the guest's view once it has the added region.</summary>
    internal GuestMemory GuestWithModule { get; }

    /// <summary>Describes a region for the device.</summary>
    internal static VhostUserSharedMemory Share(DemoRegion region) =>
        VhostUserSharedMemory.Of(region.Start, region.Backing, region.BackingOffset, region.Length);

    /// <summary>Takes the memory of the added region away.</summary>
    internal void TruncateModule()
    {
        _moduleFile.Truncate();
        IsModuleTruncated = true;
    }

    public void Dispose()
    {
        GuestWithModule.Dispose();
        Guest.Dispose();
        _guestModule.Dispose();
        _guestHigh.Dispose();
        _guestRam.Dispose();
        _moduleFile.Dispose();
        _high.Dispose();
        _ram.Dispose();
    }

    private static GuestMemory Build(IEnumerable<DemoRegion> regions)
    {
        GuestMemoryBuilder builder = new GuestMemoryBuilder("guest").LeaveBackingsOpen();
        foreach (DemoRegion region in regions)
        {
            builder.AddRegion(region.Start, region.Backing, region.BackingOffset, region.Length);
        }

        return builder.Build();
    }
}
