using Hyperspan.Tool.Metrics;
using Hyperspan.VhostUser;

namespace Hyperspan.Tool.Serve;

/// <summary>Where a device is served, and what its front ends may do.</summary>
internal sealed record SocketOptions
{
    internal string? Path { get; init; }

    internal int? Descriptor { get; init; }

    internal UnixFileMode? Mode { get; init; }

    internal uint? Group { get; init; }

    internal bool AllowFileMemory { get; init; }

    internal bool Iommu { get; init; }

    internal bool QueueReset { get; init; }

    /// <summary>Gets how much memory a guest may share, in bytes.</summary>
    internal ulong MemoryLimit { get; init; } = new VhostUserOptions().MaximumMemory;

    /// <summary>Gets where the figures can be read, if they are wanted.</summary>
    internal MetricsAddress? Metrics { get; init; }

    internal ulong Features { get; init; } = ulong.MaxValue;

    internal VhostUserProtocolFeatures ProtocolFeatures { get; init; } = VhostUserProtocolFeatures.All;
}
