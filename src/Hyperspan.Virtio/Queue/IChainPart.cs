namespace Hyperspan.Virtio;

/// <summary>What reading and writing a chain have in common, for transfers that copy nothing.</summary>
internal interface IChainPart
{
    GuestMemoryFault Fault { get; }

    bool TryGather(GuestIoVectors vectors, ulong length, int maxSegments, out ulong gathered);
}
