namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>Memory that breaks its contract: its mapping is elsewhere each time.</summary>
internal sealed unsafe class MovingMemory : GuestMemoryBacking
{
    private readonly HeapBacking _first = new(0x1000);
    private readonly HeapBacking _second = new(0x1000);

    private bool _moved;

    public override ulong Length => 0x1000;

    public override byte* Mapping
    {
        get
        {
            bool moved = _moved;
            _moved = true;
            return (moved ? _second : _first).Mapping;
        }
    }

    protected override void Release()
    {
        _first.Dispose();
        _second.Dispose();
    }
}
