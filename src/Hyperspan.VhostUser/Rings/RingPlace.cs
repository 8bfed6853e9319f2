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

    internal RingPlace(uint index, ulong descriptorTable, ulong availableRing, ulong usedRing)
    {
        Index = index;
        DescriptorTable = descriptorTable;
        AvailableRing = availableRing;
        UsedRing = usedRing;
    }
}
