using System.Globalization;

using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>Where a ring goes on (vhost-user, "Vring descriptor indices").</summary>
/// <param name="IsPacked">Whether it is a packed ring.</param>
/// <param name="Available">The next index of the available ring; of a packed ring the place of the next descriptor, with the wrap counter in bit 15.</param>
/// <param name="Used">Of a packed ring, the place of the next descriptor to be returned; a split ring has it in its memory.</param>
internal readonly record struct VringBase(bool IsPacked, ushort Available, ushort? Used)
{
    /// <summary>VIRTQ_DESC_F_USED.</summary>
    internal const ushort UsedFlag = 1 << 15;

    /// <summary>Gets where a packed ring begins.</summary>
    internal static VringBase FreshPacked => new(IsPacked: true, PackedPosition.Start, PackedPosition.Start);

    /// <summary>Gets it as the front end has it.</summary>
    internal uint Number => IsPacked ? Available | ((uint)Used!.Value << 16) : Available;

    internal static VringBase OfSplit(ushort index) => new(IsPacked: false, index, null);

    internal static VringBase OfPacked(uint number) => new(IsPacked: true, (ushort)number, (ushort)(number >> 16));

    internal static VringBase Of(VirtQueue queue) => (queue.Features & VirtQueueFeatures.PackedRing) != 0
        ? new VringBase(IsPacked: true, queue.NextAvailable, queue.UsedIndex)
        : OfSplit(queue.NextAvailable);

    /// <summary>Whether both places of a packed ring are in it.</summary>
    internal bool IsWithin(ushort size) => PackedPosition.Of(Available).Index < size && PackedPosition.Of(Used!.Value).Index < size;

    public override string ToString() => IsPacked ? $"{Text(Available)}, used {Text(Used!.Value)}" : Available.ToString(CultureInfo.InvariantCulture);

    private static string Text(ushort number)
    {
        var place = PackedPosition.Of(number);
        return string.Create(CultureInfo.InvariantCulture, $"{place.Index} (wrap counter {(place.Wrap ? 1 : 0)})");
    }
}
