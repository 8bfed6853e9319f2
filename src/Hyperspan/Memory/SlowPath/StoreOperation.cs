using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Stores one value of 1, 2, 4 or 8 bytes.</summary>
internal unsafe struct StoreOperation<T>(T value) : IRegionOperation
    where T : unmanaged
{
    private readonly T _value = value;

    public readonly AccessType Access => AccessType.Write;

    public readonly bool IsDivisible => false;

    public readonly bool IsAtomic => false;

    public readonly byte* Buffer => null;

    public readonly void Direct(byte* at, ulong length) => Scalar.Store(at, _value);

    public readonly GuardedResult Guarded(byte* at, ulong length, bool mayBlock) => Guard.Store(at, _value, mayBlock);

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length) =>
        backing.WriteFallback(offset, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in _value)));

    public readonly void Advance(ulong length)
    {
    }
}
