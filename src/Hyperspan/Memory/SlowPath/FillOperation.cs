using System.Runtime.InteropServices;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Writes one byte value all over a part of a region.</summary>
internal readonly unsafe struct FillOperation(byte value) : IRegionOperation
{
    public AccessType Access => AccessType.Write;

    public bool IsDivisible => true;

    public bool IsAtomic => false;

    public byte* Buffer => null;

    public void Direct(byte* at, ulong length) => NativeMemory.Fill(at, (nuint)length, value);

    public GuardedResult Guarded(byte* at, ulong length, bool mayBlock) => Guard.Fill(at, value, (nuint)length, mayBlock);

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length) => backing.FillFallback(offset, value, length);

    public void Advance(ulong length)
    {
    }
}
