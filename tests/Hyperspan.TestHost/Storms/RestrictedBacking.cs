using System.Runtime.InteropServices;

namespace Hyperspan.TestHost.Storms;

/// <summary>Another backing's mapping under access bitmaps, whose bits begin set. As a user of the library would write one.</summary>
internal sealed unsafe class RestrictedBacking : GuestMemoryBacking
{
    private readonly GuestMemoryBacking _inner;
    private readonly byte* _bits;
    private readonly int _bytes;
    private readonly ulong _bitOffset;

    public RestrictedBacking(GuestMemoryBacking inner, ulong bitOffset = 5)
    {
        _inner = inner;
        _bitOffset = bitOffset;
        _bytes = (int)(((inner.Length >> 12) + bitOffset + 7) / 8);
        _bits = (byte*)NativeMemory.Alloc((nuint)(2 * _bytes));
        new Span<byte>(_bits, 2 * _bytes).Fill(0xff);
        AccessBitmaps = new AccessBitmaps(_bits, _bits + _bytes, inner.Length, bitOffset);
    }

    ~RestrictedBacking() => NativeMemory.Free(_bits);

    public override ulong Length => _inner.Length;

    public override byte* Mapping => _inner.Mapping;

    public override FaultBehavior FaultBehavior => _inner.FaultBehavior;

    public override bool IsWritable => _inner.IsWritable;

    public override string Name => "restricted";

    /// <summary>Sets or clears a page's bit. After clearing, the caller synchronizes.</summary>
    public void Permit(ulong page, AccessType access, bool permitted)
    {
        ulong bit = page + _bitOffset;
        byte* at = _bits + (access == AccessType.Write ? _bytes : 0) + (bit >> 3);
        byte mask = (byte)(1 << (int)(bit & 7));
        lock (_inner)
        {
            Volatile.Write(ref *at, (byte)(permitted ? *at | mask : *at & ~mask));
        }
    }

    protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired) =>
        _inner.PinPages(pageNumbers, access, out unpinRequired);

    protected internal override void UnpinPages(ReadOnlySpan<ulong> pageNumbers) => _inner.UnpinPages(pageNumbers);

    protected override void Release() => _inner.Dispose();
}
