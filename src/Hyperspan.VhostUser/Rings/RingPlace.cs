using System.Runtime.InteropServices;

namespace Hyperspan.VhostUser;

/// <summary>Where a ring lies, in the front end's addresses: the payload of SET_VRING_ADDR behind the index.</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
internal readonly record struct RingPlace
{
    internal readonly uint Index;
    internal readonly uint Flags;
    internal readonly ulong DescriptorTable;
    internal readonly ulong UsedRing;
    internal readonly ulong AvailableRing;
    internal readonly ulong LogAddress;

    /// <summary>VHOST_VRING_F_LOG.</summary>
    internal const uint LogFlag = 1;

    internal bool IsLogged => (Flags & LogFlag) != 0;

    /// <summary>Gets the place without what it says about logging.</summary>
    internal RingPlace Unlogged => new(Index, DescriptorTable, AvailableRing, UsedRing);

    internal RingPlace(uint index, ulong descriptorTable, ulong availableRing, ulong usedRing, ulong? logAddress = null)
    {
        Flags = logAddress is null ? 0 : LogFlag;
        LogAddress = logAddress ?? 0;
        Index = index;
        DescriptorTable = descriptorTable;
        AvailableRing = availableRing;
        UsedRing = usedRing;
    }
}
