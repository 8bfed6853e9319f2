using Hyperspan.Testing;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Writes to page after page of a memory in which none is there: each fault is served by the backing's handler. Counts pages.</summary>
internal sealed class FirstTouchKernel(ulong block) : Kernel
{
    private const int Pages = 256;

    private readonly DemandBacking _backing = new((ulong)Pages * GuestAddress.PageSize, block);
    private GuestMemory? _memory;

    public override int Count => Pages;

    public override bool NeedsPreparation => true;

    public override void Prepare()
    {
        _memory ??= new GuestMemory(_backing, "demand");
        _backing.Evict();
    }

    public override ulong Run()
    {
        GuestMemory memory = _memory!;
        for (ulong page = 0; page < Pages; page++)
        {
            memory.Write(page << GuestAddress.PageShift, page);
        }

        return memory.Read<ulong>(8 << GuestAddress.PageShift);
    }

    public override void Dispose()
    {
        _memory?.Dispose();
        base.Dispose();
    }
}
