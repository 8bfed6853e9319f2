using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Loads one value of 1, 2, 4 or 8 bytes.</summary>
internal unsafe struct LoadOperation<T> : IRegionOperation
    where T : unmanaged
{
    internal T Value;

    public readonly AccessType Access => AccessType.Read;

    public readonly bool IsDivisible => false;

    public readonly bool IsAtomic => false;

    public readonly byte* Buffer => null;

    public void Direct(byte* at, ulong length) => Value = Scalar.Load<T>(at);

    public GuardedResult Guarded(byte* at, ulong length, bool mayBlock)
    {
        GuardedResult result = Guard.Load<T>(at, mayBlock);
        if (result.Ok)
        {
            Value = Scalar.FromBits<T>(result.Value);
        }

        return result;
    }

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length) =>
        backing.ReadFallback(offset, MemoryMarshal.AsBytes(new Span<T>(ref Value)));

    public readonly void Advance(ulong length)
    {
    }
}
