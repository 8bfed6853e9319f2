namespace Hyperspan.Virtio;

/// <summary>The type of a block request (virtio 1.2, section 5.2.6).</summary>
public enum BlockRequestType
{
    /// <summary>VIRTIO_BLK_T_IN: read.</summary>
    Read = 0,

    /// <summary>VIRTIO_BLK_T_OUT: write.</summary>
    Write = 1,

    /// <summary>VIRTIO_BLK_T_FLUSH.</summary>
    Flush = 4,

    /// <summary>VIRTIO_BLK_T_GET_ID.</summary>
    GetId = 8,

    /// <summary>VIRTIO_BLK_T_DISCARD.</summary>
    Discard = 11,

    /// <summary>VIRTIO_BLK_T_WRITE_ZEROES.</summary>
    WriteZeroes = 13,
}
