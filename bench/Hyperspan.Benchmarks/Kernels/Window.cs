using System.Runtime.CompilerServices;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>The window that addresses walk.</summary>
public static class Window
{
    /// <summary>Its size in bytes: more than a first-level cache, and more pages than a first-level TLB covers.</summary>
    public const ulong Size = 1 << 20;

    /// <summary>Wraps an address into the window and keeps it aligned to eight bytes.</summary>
    public const ulong Mask = (Size - 1) & ~7UL;

    /// <summary>
    /// What each step flips: every other access takes the neighbouring cache line. With it a step is three dependent instructions, as long as a raw
    /// read took where the aims come from (1.07 ns, three cycles); without it a raw read takes two, and ratios could not be compared with them.
    /// </summary>
    public const ulong Flip = 0x40;

    /// <summary>From one scalar to the next: another cache line each time, and every word of the window in the end.</summary>
    public const ulong Stride = 72;

    /// <summary>The size of memories: the window and room for the longest access that starts in it.</summary>
    public const ulong Memory = Size + (128 << 10);

    /// <summary>The address that follows; nothing about it can be computed before the loop. Every word of the window comes up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Next(ulong address, ulong stride) => ((address + stride) ^ Flip) & Mask;
}
