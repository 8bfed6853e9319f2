namespace Hyperspan.Virtio;

/// <summary>By what transfers overlap that have to wait for the disk.</summary>
public enum DiskEngine
{
    /// <summary>io_uring: the kernel works on them, and one wait tells of all.</summary>
    IoUring,

    /// <summary>Threads that wait, where io_uring is refused or switched off.</summary>
    Threads,
}
