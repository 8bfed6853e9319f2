namespace Hyperspan.Virtio;

/// <summary>The status byte at the end of a block request (virtio 1.2, section 5.2.6).</summary>
public enum BlockStatus : byte
{
    /// <summary>VIRTIO_BLK_S_OK.</summary>
    Ok = 0,

    /// <summary>VIRTIO_BLK_S_IOERR: the device or the driver is at fault.</summary>
    IoError = 1,

    /// <summary>VIRTIO_BLK_S_UNSUPP: the device does not do that.</summary>
    Unsupported = 2,
}
