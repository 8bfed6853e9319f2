using System.Runtime.InteropServices;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Memory under access bitmaps in which every page may be accessed, over another backing's mapping.</summary>
internal sealed unsafe class BitmapBacking : GuestMemoryBacking
{
    private readonly GuestMemoryBacking _inner;
    private readonly byte* _bits;

    internal BitmapBacking(GuestMemoryBacking inner)
    {
        _inner = inner;
        nuint bytes = (nuint)((inner.Length >> GuestAddress.PageShift) + 7) / 8;

        // SAFETY: kept for the life of the process, as the memories of the benchmarks are.
        _bits = (byte*)NativeMemory.Alloc(bytes);
        NativeMemory.Fill(_bits, bytes, 0xff);
    }

    public override ulong Length => _inner.Length;

    public override byte* Mapping => _inner.Mapping;

    public override FaultBehavior FaultBehavior => _inner.FaultBehavior;

    public override AccessBitmaps? AccessBitmaps => new AccessBitmaps(_bits, _bits);

    protected override void Release() => _inner.Dispose();
}
