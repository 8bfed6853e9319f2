using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Compares and exchanges one value of 1, 2, 4 or 8 bytes.</summary>
internal unsafe struct CompareExchangeOperation<T>(T value, T comparand) : IRegionOperation
    where T : unmanaged
{
    internal T Original;

    private readonly T _value = value;

    public readonly AccessType Access => AccessType.Write;

    public readonly bool IsDivisible => false;

    public readonly bool IsAtomic => true;

    public readonly byte* Buffer => null;

    public void Direct(byte* at, ulong length) => Original = Scalar.CompareExchange(at, _value, comparand);

    public GuardedResult Guarded(byte* at, ulong length, bool mayBlock)
    {
        GuardedResult result = Guard.CompareExchange(at, _value, comparand, mayBlock);
        if (result.Ok)
        {
            Original = Scalar.FromBits<T>(result.Value);
        }

        return result;
    }

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length)
    {
        T current = comparand;
        BackingResult result = backing.CompareExchangeFallback(
            offset,
            MemoryMarshal.AsBytes(new Span<T>(ref current)),
            MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in _value)),
            out bool exchanged);
        if (!result.IsFailure)
        {
            Original = exchanged ? comparand : current;
        }

        return result;
    }

    public readonly void Advance(ulong length)
    {
    }
}
