using System.Runtime.CompilerServices;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Reads a structure as a whole and uses all of it.</summary>
public readonly struct ReadStructure<T>(GuestMemory memory) : IWalkOperation
    where T : unmanaged, Structures.IStructure<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address) => memory.Read<T>(address).Sum;
}

/// <summary>Writes a structure as a whole.</summary>
public readonly struct WriteStructure<T>(GuestMemory memory) : IWalkOperation
    where T : unmanaged, Structures.IStructure<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        memory.Write(address, T.Make(address));
        return address;
    }
}
