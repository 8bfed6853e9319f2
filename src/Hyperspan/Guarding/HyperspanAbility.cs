namespace Hyperspan;

/// <summary>What depends on the platform: see <see cref="HyperspanEnvironment.WhyNot"/>.</summary>
public enum HyperspanAbility
{
    /// <summary>Values and bytes of memory that cannot fault, pins, access bitmaps, dirty logs, snapshots and dumps as files: everywhere.</summary>
    HeapMemory,

    /// <summary>Accesses that recover where memory is not there: <see cref="HyperspanEnvironment.GetGuardMode"/> says how.</summary>
    RecoveredFaults,

    /// <summary>
    /// Memory that is mapped, shared or has holes: <see cref="SharedBacking"/>, <see cref="ForeignBacking"/>, <see cref="FileBacking"/>, <see cref="SparseBacking"/>.
    /// </summary>
    MappedMemory,

    /// <summary>Memory that is used while its pages still come: <see cref="Snapshots.OnDemandMemory"/>, <see cref="Snapshots.PageServer"/>.</summary>
    OnDemandMemory,

    /// <summary>Writes that the kernel sees, by whatever they are made: <see cref="DirtyLogScope.Mapping"/>.</summary>
    WatchedMappings,

    /// <summary>A vhost-user back end, and the disk images that it serves.</summary>
    VhostUser,

    /// <summary>A partition of a hypervisor.</summary>
    Partition,

    /// <summary>Memory that is saved as of one moment while it is written (<c>GuestMemorySnapshot.SaveLiveAsync</c>).</summary>
    LiveSnapshots,

    /// <summary>Parts of files among other memory: <see cref="SparseBacking.MapFile"/>, snapshots that are mapped.</summary>
    MappedFileParts,
}
