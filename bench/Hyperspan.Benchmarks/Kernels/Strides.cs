namespace Hyperspan.Benchmarks.Kernels;

/// <summary>The strides that are used.</summary>
public static class Strides
{
    /// <summary>From one scalar to the next: another cache line each time.</summary>
    public readonly struct Scalars : IStride
    {
        public ulong Bytes => Window.Stride;
    }

    /// <summary>To the next of eight regions with every step: the worst case for whatever would remember the last one.</summary>
    public readonly struct Regions : IStride
    {
        public ulong Bytes => (Window.Size / 8) + Window.Stride;
    }

    /// <summary>From one range of bytes to the next: its size and another cache line, so that alignment to pages changes.</summary>
    public readonly struct Ranges(int size) : IStride
    {
        public ulong Bytes { get; } = size < 64 ? Window.Stride : (ulong)size + 64;
    }
}
