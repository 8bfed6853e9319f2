using System.Runtime.InteropServices;

namespace Hyperspan.Tool.Demo;

/// <summary>The data that the embedded guest writes: every 8 bytes depend on their place on the disk, so that a block in the wrong place shows.</summary>
internal static class DemoPattern
{
    /// <summary>Fills a buffer with what belongs at a place.</summary>
    /// <param name="offset">The first byte's offset on the disk; a multiple of 8.</param>
    /// <param name="destination">The buffer; a multiple of 8 long.</param>
    internal static void Fill(ulong offset, Span<byte> destination)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(destination);
        ulong index = offset / sizeof(ulong);
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = Mix(index + (ulong)i);
        }
    }

    /// <summary>Scrambles a number so that neighbours have nothing in common (the finalizer of SplitMix64).</summary>
    internal static ulong Mix(ulong value)
    {
        value = (value + 1) * 0x9E37_79B9_7F4A_7C15;
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }
}
