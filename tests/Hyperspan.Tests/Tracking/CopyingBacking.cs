namespace Hyperspan.Tests.Tracking;

/// <summary>A backing that answers for a slice by a memory over a backing of its own.</summary>
internal sealed unsafe class CopyingBacking(HeapBacking inner) : GuestMemoryBacking
{
    public override ulong Length => inner.Length;

    public override byte* Mapping => inner.Mapping;

    public override FaultBehavior FaultBehavior => FaultBehavior.Never;

    protected internal override BackingResult CreateSlice(ulong offset, ulong length, bool allowPreemptivePinning, out GuestMemory? slice)
    {
        slice = new GuestMemory(new HeapBacking(length), "made");
        return BackingResult.Success;
    }

    protected override void Release() => inner.Dispose();
}
