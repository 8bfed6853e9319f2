using System.Numerics;

namespace Hyperspan.Virtio;

/// <summary>Where the three parts of a split virtqueue lie in guest memory (virtio 1.2, section 2.7).</summary>
/// <param name="Size">The number of descriptors: a power of two, at most <see cref="MaxSize"/>.</param>
/// <param name="DescriptorTable">The descriptor table; a multiple of 16.</param>
/// <param name="AvailableRing">The ring that the driver writes; a multiple of 2.</param>
/// <param name="UsedRing">The ring that the device writes; a multiple of 4.</param>
public readonly record struct VirtQueueLayout(
    ushort Size, GuestAddress DescriptorTable, GuestAddress AvailableRing, GuestAddress UsedRing)
{
    /// <summary>The largest size that the specification permits.</summary>
    public const ushort MaxSize = 32768;

    /// <summary>Gets the length of the descriptor table.</summary>
    /// <param name="size">The number of descriptors.</param>
    /// <returns>The length in bytes.</returns>
    public static ulong DescriptorTableLength(ushort size) => 16UL * size;

    /// <summary>Gets the length of the available ring, with the field used_event, which is part of it whether or not event indices are negotiated.</summary>
    /// <param name="size">The number of descriptors.</param>
    /// <returns>The length in bytes.</returns>
    public static ulong AvailableRingLength(ushort size) => 6 + (2UL * size);

    /// <summary>Gets the length of the used ring, with the field avail_event.</summary>
    /// <param name="size">The number of descriptors.</param>
    /// <returns>The length in bytes.</returns>
    public static ulong UsedRingLength(ushort size) => 6 + (8UL * size);

    /// <summary>Checks size, alignment and that all three parts lie in a memory: the tables readable, the used ring writable.</summary>
    /// <param name="memory">The memory the addresses refer to.</param>
    /// <param name="error">What is wrong.</param>
    /// <returns>Whether a queue can be made of it. Never throws for anything a guest can choose.</returns>
    public bool TryValidate(GuestMemory memory, out VirtQueueError error)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (!BitOperations.IsPow2(Size) || Size > MaxSize)
        {
            error = new VirtQueueError(VirtQueueErrorKind.InvalidSize, null, Size);
            return false;
        }

        return TryFind(memory, DescriptorTable, DescriptorTableLength(Size), 16, AccessType.Read, out error)
            && TryFind(memory, AvailableRing, AvailableRingLength(Size), 2, AccessType.Read, out error)
            && TryFind(memory, UsedRing, UsedRingLength(Size), 4, AccessType.Write, out error);
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
