using System.Runtime.CompilerServices;
using Hyperspan.Synchronization;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>An RCU section with nothing in it.</summary>
public readonly struct EmptySection : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        using (RcuDomain.GuestMemory.Enter())
        {
            return address;
        }
    }
}
