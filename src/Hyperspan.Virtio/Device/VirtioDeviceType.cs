namespace Hyperspan.Virtio;

/// <summary>What a device is (virtio 1.2, section 5). Others than those named can be served as well: the value is what the driver is told.</summary>
public enum VirtioDeviceType
{
    /// <summary>Reserved: no device has it.</summary>
    None,

    /// <summary>A network card.</summary>
    Network = 1,

    /// <summary>A disk.</summary>
    Block = 2,

    /// <summary>A console.</summary>
    Console = 3,

    /// <summary>A source of random numbers.</summary>
    Entropy = 4,

    /// <summary>A memory balloon.</summary>
    Balloon = 5,

    /// <summary>A SCSI host.</summary>
    ScsiHost = 8,

    /// <summary>A graphics adapter.</summary>
    Gpu = 16,

    /// <summary>A keyboard, a mouse, a tablet.</summary>
    Input = 18,

    /// <summary>Sockets between the guest and its host.</summary>
    Socket = 19,

    /// <summary>A cryptographic accelerator.</summary>
    Crypto = 20,

    /// <summary>An IOMMU.</summary>
    Iommu = 23,

    /// <summary>Memory that comes and goes.</summary>
    Memory = 24,

    /// <summary>A sound card.</summary>
    Sound = 25,

    /// <summary>A directory of the host.</summary>
    FileSystem = 26,

    /// <summary>Persistent memory.</summary>
    PersistentMemory = 27,
}
