using System.Runtime.CompilerServices;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>A slice and one read through it. Nothing disposes it: it holds nothing but memory of the collector.</summary>
public readonly struct SliceRead(GuestMemory memory) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => memory.Slice(address, 4096).Read<ulong>(8);
}

/// <summary>A view and one read through it.</summary>
public readonly struct ViewRead(GuestMemory memory) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => memory.View(address, 4096).Read<ulong>(8);
}

/// <summary>Locks sixteen pages for reading and unlocks them.</summary>
public readonly struct LockPages(GuestMemory memory, ulong[] pageNumbers) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        ReadOnlySpan<ulong> pages = pageNumbers.AsSpan((int)(address >> 12) & 0x70, 16);
        using PinnedMemory locked = memory.PinPages(pages, AccessType.Read);
        return (ulong)locked.Vectors[3].Length;
    }
}

/// <summary>A read of a page that is not there: a signal, and a fault as a value.</summary>
public readonly struct RefusedRead(GuestMemory memory) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => memory.TryRead(address, out ulong value) ? value : address;
}
