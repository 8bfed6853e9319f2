using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>What to serve, and how.</summary>
internal sealed record BlockServerOptions
{
    internal string? SocketPath { get; init; }

    internal int? Descriptor { get; init; }

    internal UnixFileMode? SocketMode { get; init; }

    internal uint? SocketGroup { get; init; }

    internal bool AllowFileMemory { get; init; }

    /// <summary>Gets how much memory a guest may share, in bytes.</summary>
    internal ulong MemoryLimit { get; init; } = new VhostUserOptions().MaximumMemory;

    internal required string ImagePath { get; init; }

    internal bool ReadOnly { get; init; }

    internal DiskCache Cache { get; init; }

    /// <summary>Gets a value indicating whether the user said that the image is raw, whatever it looks like.</summary>
    internal bool IsRaw { get; init; }

    /// <summary>Gets a value indicating whether a block device that this system uses is written all the same.</summary>
    internal bool Force { get; init; }

    internal ImageLocking Locking { get; init; }

    internal int Queues { get; init; } = 1;

    internal string Id { get; init; } = "hyperspan";

    internal ulong Features { get; init; } = ulong.MaxValue;

    internal VhostUserProtocolFeatures ProtocolFeatures { get; init; } = VhostUserProtocolFeatures.All;
}
