using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>What to serve, and how.</summary>
internal sealed record BlockServerOptions
{
    internal required SocketOptions Socket { get; init; }

    internal required string ImagePath { get; init; }

    internal bool ReadOnly { get; init; }

    internal DiskCache Cache { get; init; }

    /// <summary>Gets a value indicating whether the user said that the image is raw, whatever it looks like.</summary>
    internal bool IsRaw { get; init; }

    /// <summary>Gets a value indicating whether a block device that this system uses is written all the same.</summary>
    internal bool Force { get; init; }

    internal ImageLocking Locking { get; init; }

    /// <summary>Gets what becomes of reads that the image failed.</summary>
    internal DiskErrorPolicy ReadErrors { get; init; }

    /// <summary>Gets what becomes of writes that the image failed.</summary>
    internal DiskErrorPolicy WriteErrors { get; init; }

    /// <summary>Gets how much the disk may do at most.</summary>
    internal DiskThrottle? Throttle { get; init; }

    internal int Queues { get; init; } = 1;

    /// <summary>Gets what the disk is called in figures, and in the log where there are several. The id, if nothing else is said.</summary>
    internal string? Name { get; init; }

    internal string Id { get; init; } = "hyperspan";
}
