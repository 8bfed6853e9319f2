namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Looks through 1 GiB for bytes that are not there.</summary>
internal sealed unsafe class SearchKernel(bool ours) : Kernel
{
    private const ulong Length = 1UL << 30;

    private static readonly HeapBacking Heap = new(Length, new HeapBackingOptions { Prefault = true });
    private static readonly GuestMemory Memory = new(Heap, "search");
    private static readonly byte[] Pattern = [0x42, 0x17, 0x99, 0x03, 0xfe, 0x21, 0x42, 0x18];

    public override int Count => 1;

    public override ulong Run()
    {
        if (ours)
        {
            return Memory.IndexOf(0, Length, Pattern)?.Value ?? 1;
        }

        // SAFETY: all of it is there, and nothing else is done with it.
        return (ulong)new ReadOnlySpan<byte>(Heap.Mapping, (int)Length).IndexOf(Pattern);
    }
}
