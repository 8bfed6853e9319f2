using System.Runtime.CompilerServices;

namespace Hyperspan.Benchmarks.Kernels;

public readonly unsafe struct RawRead(nint memory) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => Volatile.Read(ref *(ulong*)((byte*)memory + address));
}

public readonly unsafe struct RawWrite(nint memory) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        Volatile.Write(ref *(ulong*)((byte*)memory + address), address);
        return address;
    }
}

public readonly unsafe struct RawCompareExchange(nint memory) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => Interlocked.CompareExchange(ref *(ulong*)((byte*)memory + address), address, address);
}

public readonly struct Read<TLayout>(GuestMemory memory) : IWalkOperation
    where TLayout : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => memory.Read<ulong>(address);
}

public readonly struct Write<TLayout>(GuestMemory memory) : IWalkOperation
    where TLayout : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        memory.Write(address, address);
        return address;
    }
}

public readonly struct CompareExchange<TLayout>(GuestMemory memory) : IWalkOperation
    where TLayout : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => memory.CompareExchange(address, address, address);
}

public readonly struct TryReadOutOfRange<TLayout>(GuestMemory memory) : IWalkOperation
    where TLayout : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => memory.TryRead(address + (1UL << 40), out ulong value) ? value : address;
}

/// <summary>The same, and the fault is looked at.</summary>
public readonly struct TryReadOutOfRangeFault(GuestMemory memory) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) =>
        memory.TryRead(address + (1UL << 40), out ulong value, out GuestMemoryFault fault) ? value : (ulong)fault.Kind;
}

/// <summary>A read that succeeds, by the form that says why where it does not.</summary>
public readonly struct TryReadFault(GuestMemory memory) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => memory.TryRead(address, out ulong value, out GuestMemoryFault fault) ? value : (ulong)fault.Kind;
}

/// <summary>What the quick runner has to report as not met: a read that makes detours.</summary>
public readonly struct SlowedRead(GuestMemory memory) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        ulong value = memory.Read<ulong>(address);
        return value + memory.Read<ulong>((address ^ value) & Window.Mask) + memory.Read<ulong>((address + value) & Window.Mask);
    }
}
