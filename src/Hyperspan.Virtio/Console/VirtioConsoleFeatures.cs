namespace Hyperspan.Virtio;

/// <summary>Feature bits of a console (virtio 1.2, section 5.3.3).</summary>
public static class VirtioConsoleFeatures
{
    /// <summary>VIRTIO_CONSOLE_F_SIZE, bit 0: the configuration says how many columns and rows there are.</summary>
    public const ulong Size = 1UL << 0;

    /// <summary>VIRTIO_CONSOLE_F_EMERG_WRITE, bit 2: a character can be written to the configuration.</summary>
    public const ulong EmergencyWrite = 1UL << 2;
}
