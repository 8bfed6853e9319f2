using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>The system's part of a first touch, page by page: the signal, mmap of the page, the write.</summary>
internal sealed unsafe class RawFirstTouchKernel : Kernel
{
    private const int Pages = 256;
    private const int PageSize = 4096;

    private byte* _memory;

    public override int Count => Pages;

    public override bool NeedsPreparation => true;

    public override void Prepare()
    {
        _memory = Map(_memory, Pages * PageSize, MappingProtection.None, _memory == null ? 0 : MappingFlags.Fixed);
    }

    public override ulong Run()
    {
        ulong sum = 0;
        for (int page = 0; page < Pages; page++)
        {
            byte* at = _memory + (page * PageSize);
            sum += Guard.Store(at, 1UL).Status;
            Map(at, PageSize, MappingProtection.ReadWrite, MappingFlags.Fixed);
            Volatile.Write(ref *at, 1);
        }

        return sum;
    }

    private static byte* Map(void* at, nuint length, MappingProtection protection, MappingFlags flags)
    {
        // SAFETY: without an address the system chooses one; with it, the range is this kernel's own.
        byte* mapped = LibC.Mmap(at, length, protection, flags | MappingFlags.Private | MappingFlags.Anonymous, -1, 0);
        return mapped == LibC.MapFailed ? throw new InvalidOperationException("mmap failed") : mapped;
    }
}
