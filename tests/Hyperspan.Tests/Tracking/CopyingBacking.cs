namespace Hyperspan.Tests.Tracking;

/// <summary>A backing that answers for a subrange by a memory over a backing of its own.</summary>
internal sealed unsafe class CopyingBacking(HeapMemory inner) : GuestMemoryBacking
{
    public override ulong Length => inner.Length;

    public override byte* Mapping => inner.Mapping;

    public override FaultBehavior FaultBehavior => FaultBehavior.Never;

    protected internal override BackingResult CreateSubrange(ulong address, ulong length, bool allowPreemptiveLocking, out GuestMemory? subrange)
    {
        subrange = new GuestMemory("made", new HeapMemory(length));
        return BackingResult.Success;
    }

    protected override void Release() => inner.Dispose();
}
