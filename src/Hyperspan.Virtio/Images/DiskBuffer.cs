using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>Memory for data that cannot go straight: aligned for whatever a disk may want. It belongs to one thread at a time.</summary>
internal sealed unsafe class DiskBuffer : IDisposable
{
    internal const int Length = 256 * 1024;
    internal const int Alignment = 64 * 1024;

    internal DiskBuffer() => Start = (byte*)NativeMemory.AlignedAlloc(Length, Alignment);

    ~DiskBuffer() => Free();

    internal byte* Start { get; private set; }

    /// <summary>Gets a part of it.</summary>
    internal Span<byte> Span(ulong at, ulong length) => new Span<byte>(Start, Length).Slice((int)at, (int)length);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(Start);
        Start = null;
    }
}
