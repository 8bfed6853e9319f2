namespace Hyperspan.Virtio;

/// <summary>What becomes of a request that the image failed, as QEMU's <c>rerror</c> and <c>werror</c> say it.</summary>
public enum DiskErrorPolicy
{
    /// <summary>The driver is told.</summary>
    Report,

    /// <summary>
    /// The driver is told that all is well: what it read is whatever its buffers hold, what it wrote may not be there. It is for guests whose data is of no worth.
    /// </summary>
    Ignore,

    /// <summary>The device stops: the request is not answered, and no other is taken, until <see cref="VirtioBlockDevice.Resume"/>; then it is tried again.</summary>
    Stop,

    /// <summary>As <see cref="Stop"/> where there is no space left (ENOSPC), else as <see cref="Report"/>.</summary>
    StopWhenFull,
}
