namespace Hyperspan.Virtio;

/// <summary>Why a file cannot serve as a disk image.</summary>
public enum DiskImageError
{
    /// <summary>A failure that fits no other value; the message has the system's reason.</summary>
    Other,

    /// <summary>There is no such file.</summary>
    NotFound,

    /// <summary>The file may not be opened that way.</summary>
    AccessDenied,

    /// <summary>It is a directory.</summary>
    IsDirectory,

    /// <summary>It is neither a regular file nor a block device.</summary>
    NotAFile,

    /// <summary>It is empty or its size is not a multiple of 512.</summary>
    InvalidSize,

    /// <summary>Somebody else has it open as an image.</summary>
    Locked,

    /// <summary>It bears the mark of an image of another format.</summary>
    OtherFormat,

    /// <summary>Its file system has no transfers past the page cache, or they do not fit the size of the image.</summary>
    NoDirectTransfers,

    /// <summary>It is a block device that this system uses: mounted, for instance.</summary>
    DeviceInUse,
}
