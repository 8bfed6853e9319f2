using System.Numerics;

namespace Hyperspan.Virtio;

/// <summary>Where the three parts of a virtqueue lie in guest memory (virtio 1.2, sections 2.7 and 2.8). The features that were negotiated say which these are.</summary>
public readonly record struct VirtQueueLayout
{
    /// <summary>The largest size that the specification permits.</summary>
    public const ushort MaxSize = 32768;

    /// <summary>The length of a packed queue's event suppression structures.</summary>
    internal const ulong EventSuppressionLength = 4;

    /// <summary>Initializes a new instance of the <see cref="VirtQueueLayout"/> struct.</summary>
    /// <param name="size">The number of descriptors, at most <see cref="MaxSize"/>: of a split queue a power of two.</param>
    /// <param name="descriptorTable">The descriptor table, or the ring of descriptors of a packed queue; a multiple of 16.</param>
    /// <param name="availableRing">The ring that the driver writes; a multiple of 2. Of a packed queue its event suppression structure; a multiple of 4.</param>
    /// <param name="usedRing">The ring that the device writes, or its event suppression structure; a multiple of 4.</param>
    public VirtQueueLayout(ushort size, GuestAddress descriptorTable, GuestAddress availableRing, GuestAddress usedRing)
    {
        Size = size;
        DescriptorTable = descriptorTable;
        AvailableRing = availableRing;
        UsedRing = usedRing;
    }

    /// <summary>Gets the number of descriptors, at most <see cref="MaxSize"/>: of a split queue a power of two.</summary>
    public ushort Size { get; init; }

    /// <summary>Gets the descriptor table, or the ring of descriptors of a packed queue; a multiple of 16.</summary>
    public GuestAddress DescriptorTable { get; init; }

    /// <summary>Gets the ring that the driver writes; a multiple of 2. Of a packed queue its event suppression structure; a multiple of 4.</summary>
    public GuestAddress AvailableRing { get; init; }

    /// <summary>Gets the ring that the device writes, or its event suppression structure; a multiple of 4.</summary>
    public GuestAddress UsedRing { get; init; }

    /// <summary>Gets the length of the descriptor table, or of the ring of descriptors.</summary>
    /// <param name="size">The number of descriptors.</param>
    /// <returns>The length in bytes.</returns>
    public static ulong DescriptorTableLength(ushort size) => 16UL * size;

    /// <summary>Gets the length of the available ring, with the field used_event, which is part of it whether or not event indices are negotiated.</summary>
    /// <param name="size">The number of descriptors.</param>
    /// <param name="features">The features that were negotiated.</param>
    /// <returns>The length in bytes.</returns>
    public static ulong AvailableRingLength(ushort size, VirtQueueFeatures features = VirtQueueFeatures.None) =>
        (features & VirtQueueFeatures.PackedRing) != 0 ? EventSuppressionLength : 6 + (2UL * size);

    /// <summary>Gets the length of the used ring, with the field avail_event.</summary>
    /// <param name="size">The number of descriptors.</param>
    /// <param name="features">The features that were negotiated.</param>
    /// <returns>The length in bytes.</returns>
    public static ulong UsedRingLength(ushort size, VirtQueueFeatures features = VirtQueueFeatures.None) =>
        (features & VirtQueueFeatures.PackedRing) != 0 ? EventSuppressionLength : 6 + (8UL * size);

    /// <summary>Gets whether a queue may have a size.</summary>
    /// <param name="size">The number of descriptors.</param>
    /// <param name="features">The features that were negotiated.</param>
    /// <returns>Whether it is at least 1, at most <see cref="MaxSize"/>, and of a split queue a power of two.</returns>
    public static bool IsValidSize(uint size, VirtQueueFeatures features) =>
        size is > 0 and <= MaxSize && ((features & VirtQueueFeatures.PackedRing) != 0 || BitOperations.IsPow2(size));

    /// <summary>Checks a split queue, as <see cref="TryValidate(GuestMemory, VirtQueueFeatures, out VirtQueueError)"/> does.</summary>
    /// <param name="memory">The memory the addresses refer to.</param>
    /// <param name="error">What is wrong.</param>
    /// <returns>Whether a queue can be made of it. Never throws for anything a guest can choose.</returns>
    public bool TryValidate(GuestMemory memory, out VirtQueueError error) => TryValidate(memory, VirtQueueFeatures.None, out error);

    /// <summary>Checks size, alignment and that all three parts lie in a memory: readable, and writable where the device writes.</summary>
    /// <param name="memory">The memory the addresses refer to.</param>
    /// <param name="features">The features that were negotiated.</param>
    /// <param name="error">What is wrong.</param>
    /// <returns>Whether a queue can be made of it. Never throws for anything a guest can choose.</returns>
    public bool TryValidate(GuestMemory memory, VirtQueueFeatures features, out VirtQueueError error)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (!IsValidSize(Size, features))
        {
            error = new VirtQueueError(VirtQueueErrorKind.InvalidSize, null, Size);
            return false;
        }

        bool isPacked = (features & VirtQueueFeatures.PackedRing) != 0;
        return TryFind(memory, DescriptorTable, DescriptorTableLength(Size), 16, isPacked ? AccessType.Write : AccessType.Read, out error)
            && TryFind(memory, AvailableRing, AvailableRingLength(Size, features), isPacked ? 4UL : 2, AccessType.Read, out error)
            && TryFind(memory, UsedRing, UsedRingLength(Size, features), 4, AccessType.Write, out error);
    }

    private static bool TryFind(
        GuestMemory memory, GuestAddress address, ulong length, ulong alignment, AccessType access, out VirtQueueError error)
    {
        error = default;
        if (!address.IsAligned(alignment))
        {
            error = new VirtQueueError(VirtQueueErrorKind.MisalignedRing, null, address.Value, alignment);
            return false;
        }

        // A probe by bytes, so that not even the last one lies past the memory's end.
        if (!memory.TryProbe(address, length, access, out GuestMemoryFault fault))
        {
            error = new VirtQueueError(VirtQueueErrorKind.RingOutsideMemory, null, address.Value, length, fault);
            return false;
        }

        return true;
    }
}
