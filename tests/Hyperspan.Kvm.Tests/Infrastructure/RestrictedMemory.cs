namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>Memory under access bitmaps, over a mapping of the heap's.</summary>
internal sealed unsafe class RestrictedMemory : GuestMemoryBacking
{
    private readonly HeapBacking _memory = new(0x1000);
    private readonly ulong[] _bits = GC.AllocateArray<ulong>(1, pinned: true);

    public override ulong Length => 0x1000;

    public override byte* Mapping => _memory.Mapping;

    public override AccessBitmaps? AccessBitmaps
    {
        get
        {
            fixed (ulong* bits = _bits)
            {
                return new AccessBitmaps((byte*)bits, (byte*)bits);
            }
        }
    }

    protected override void Release() => _memory.Dispose();
}
