namespace Hyperspan.Virtio;

/// <summary>How a raw disk image is opened.</summary>
public sealed record RawDiskImageOptions
{
    /// <summary>Gets a value indicating whether to open it for reading alone.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Gets what the page cache has to do with it. The default is <see cref="DiskCache.Writeback"/>.</summary>
    public DiskCache Cache { get; init; }

    /// <summary>
    /// Gets a value indicating whether to refuse a file that bears the mark of another format (qcow2, VMDK, VDI, VHDX, VHD, LUKS and others). A guest can write such a
    /// mark into its disk, so that the next program that guesses the format is led to read other files of the host.
    /// </summary>
    public bool RefuseOtherFormats { get; init; }

    /// <summary>
    /// Gets a value indicating whether to refuse to write to a block device that this system uses: one that is mounted, holds swap, or is part of another device; and to
    /// keep it from being used so while the image is open.
    /// </summary>
    public bool RefuseDeviceInUse { get; init; }

    /// <summary>Gets when the image is locked against other instances. The default is for as long as it is open.</summary>
    public ImageLocking Locking { get; init; }
}
