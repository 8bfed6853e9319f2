namespace Hyperspan.EndToEnd.Harness;

/// <summary>How a back end serves its image.</summary>
internal sealed record DiskBackendOptions
{
    internal bool ReadOnly { get; init; }

    /// <summary>Whether addresses that go through the guest's IOMMU are offered.</summary>
    internal bool Iommu { get; init; }

    /// <summary>Whether the reset of single queues is offered.</summary>
    internal bool QueueReset { get; init; }

    internal int Queues { get; init; } = 1;

    /// <summary>What the guest sees as the disk's serial number; null for the back end's own default.</summary>
    internal string? Id { get; init; }

    /// <summary>The virtio features that may be offered; null for all.</summary>
    internal ulong? Features { get; init; }

    /// <summary>The vhost-user protocol features that may be offered; null for all.</summary>
    internal ulong? ProtocolFeatures { get; init; }

    /// <summary>Whether two back ends have the image open, one of which serves it.</summary>
    internal bool IsMigrated { get; init; }

    /// <summary>Where each flush of the image to its disk is written down, a line each, by strace; null where they are not counted.</summary>
    internal string? FlushTrace { get; init; }
}
