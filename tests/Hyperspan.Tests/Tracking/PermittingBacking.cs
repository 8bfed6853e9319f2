using System.Runtime.CompilerServices;

namespace Hyperspan.Tests.Tracking;

/// <summary>Another backing under access bitmaps that permit everything.</summary>
internal sealed unsafe class PermittingBacking : GuestMemoryBacking
{
    private readonly GuestMemoryBacking _inner;
    private readonly byte[] _bits;

    internal PermittingBacking(GuestMemoryBacking inner)
    {
        _inner = inner;
        _bits = GC.AllocateArray<byte>((int)(inner.Length / GuestAddress.PageSize / 8) + 1, pinned: true);
        Array.Fill(_bits, (byte)0xff);
    }

    public override ulong Length => _inner.Length;

    public override byte* Mapping => _inner.Mapping;

    public override FaultBehavior FaultBehavior => _inner.FaultBehavior;

    public override AccessBitmaps? AccessBitmaps
    {
        get
        {
            byte* bits = (byte*)Unsafe.AsPointer(ref _bits[0]);
            return new AccessBitmaps(bits, bits);
        }
    }

    protected override void Release() => _inner.Dispose();
}
