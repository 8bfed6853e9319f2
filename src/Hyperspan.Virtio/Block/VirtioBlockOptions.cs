namespace Hyperspan.Virtio;

/// <summary>How a <see cref="VirtioBlockDevice"/> presents its image.</summary>
public sealed record VirtioBlockOptions
{
    /// <summary>Gets the number of queues, from 1 to 256. The default is 1.</summary>
    public int QueueCount { get; init; } = 1;

    /// <summary>Gets the largest size that a queue may have: a power of two up to 32768. The default is 1024.</summary>
    public ushort MaxQueueSize { get; init; } = 1024;

    /// <summary>Gets the identity that the guest sees as the disk's serial number: printable ASCII, at most 20 characters. The default is <c>hyperspan</c>.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string Id { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "hyperspan";

    /// <summary>Gets what the disk is called where its figures are published (<see cref="VirtioBlockDevice.MeterName"/>). The default is <see cref="Id"/>.</summary>
    public string? Name { get; init; }

    /// <summary>Gets a value indicating whether the guest may not write, even if the image could be written.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>
    /// Gets a value indicating whether each write is durable before it is completed. The guest sees a disk without a cache to flush; it cannot switch one on.
    /// </summary>
    public bool WriteThrough { get; init; }

    /// <summary>Gets the block size in bytes that the guest is told: a power of two from 512 to 65536 that divides the image. The default is 512.</summary>
    public int LogicalBlockSize { get; init; } = 512;

    /// <summary>Gets the block size in bytes at which writing is best: a power of two, not below <see cref="LogicalBlockSize"/>. The default is 4096.</summary>
    public int PhysicalBlockSize { get; init; } = 4096;

    /// <summary>
    /// Gets the most data buffers that a driver should put into one request. The default, 126, leaves room for header and status in a queue of 128, which is what QEMU
    /// makes.
    /// </summary>
    public int MaxSegments { get; init; } = 126;

    /// <summary>Gets what becomes of reads that the image failed. The default is to tell the driver.</summary>
    public DiskErrorPolicy ReadErrors { get; init; }

    /// <summary>
    /// Gets what becomes of writes, discards and the writing of zeros that the image failed. The default is to tell the driver. Of a flush that failed it is told always,
    /// unless it is to be ignored: what was lost comes back by no second one.
    /// </summary>
    public DiskErrorPolicy WriteErrors { get; init; }

    /// <summary>
    /// Gets what is called when the device stops (<see cref="DiskErrorPolicy.Stop"/>), with what it stopped for, after <see cref="OnFailure"/>: by the thread that serves
    /// the request, so it should be quick; its exceptions are ignored.
    /// </summary>
    public Action<BlockFailure>? OnStopped { get; init; }

    /// <summary>Gets how much the disk may do at most; <see langword="null"/>, which is the default, for no limit.</summary>
    public DiskThrottle? Throttle { get; init; }

    /// <summary>Gets the time that limits go by.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>
    /// Gets what is called for each request that fails, by the thread that serves it, before the driver is told: it should be quick, and its exceptions are ignored.
    /// </summary>
    public Action<BlockFailure>? OnFailure { get; init; }

    /// <summary>
    /// Gets the features that may be offered at all. VIRTIO_F_VERSION_1 is always offered, and so is read-only where it applies. The default permits everything.
    /// </summary>
    public ulong FeatureMask { get; init; } = ulong.MaxValue;
}
