namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Sparse memory in which a block of pages appears when one of them is touched.</summary>
internal sealed unsafe class DemandBacking : GuestMemoryBacking
{
    private readonly ulong _block;

    internal DemandBacking(ulong length, ulong block)
    {
        Sparse = new SparseMapping(length);
        _block = block;
    }

    internal SparseMapping Sparse { get; }

    public override ulong Length => Sparse.Length;

    public override byte* Mapping => Sparse.Mapping;

    protected internal override PageFaultAction OnPageFault(in PageFault fault)
    {
        ulong start = fault.Address & ~(_block - 1);
        Sparse.Commit(start, _block);
        if (_block > (ulong)GuestAddress.PageSize)
        {
            // All of the block by one call; otherwise each of its pages would enter the kernel again when it is touched.
            Sparse.Prefault(start, _block, AccessType.Write);
        }

        return PageFaultAction.Retry;
    }

    protected override void Release() => Sparse.Dispose();
}
