namespace Hyperspan.Testing;

/// <summary>What a device returned by the used ring.</summary>
public readonly record struct VirtQueueCompletion
{
    /// <summary>Initializes a new instance of the <see cref="VirtQueueCompletion"/> struct.</summary>
    /// <param name="head">The index of the chain's first descriptor, as <see cref="VirtQueueDriver"/> gave it.</param>
    /// <param name="written">How many bytes the device says it wrote.</param>
    public VirtQueueCompletion(ushort head, uint written)
    {
        Head = head;
        Written = written;
    }

    /// <summary>Gets the index of the chain's first descriptor, as <see cref="VirtQueueDriver"/> gave it.</summary>
    public ushort Head { get; }

    /// <summary>Gets how many bytes the device says it wrote.</summary>
    public uint Written { get; }
}
