using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks;

/// <summary>All operations that are measured.</summary>
internal static class Operations
{
    private static readonly int[] Sizes = [8, 64, 256, 1024, 4096, 65536];
    private static readonly Dictionary<int, byte[]> Buffers = [];

    /// <summary>Gets the operations in the order of the table.</summary>
    internal static IReadOnlyList<Operation> All { get; } = [.. Scalars(), .. Bytes(), .. Ranges(), .. Sections(), .. Faults(), .. Threads()];

    /// <summary>Gets the operation that must come out as not met.</summary>
    internal static Operation Slowed { get; } =
        new("check_slowed_read_u64", "raw_read_u64", 1.15, () => Walk(new SlowedRead(Memories.Direct.Memory)), ReadRaw);

    internal static Kernel ReadRaw() => Walk(new RawRead(Memories.Direct.Raw));

    internal static Kernel WriteRaw() => Walk(new RawWrite(Memories.Direct.Raw));

    /// <summary>The other side of copies: one buffer for an operation and its baseline, because a different alignment costs up to a third.</summary>
    internal static byte[] Buffer(int size)
    {
        if (!Buffers.TryGetValue(size, out byte[]? buffer))
        {
            Buffers.Add(size, buffer = GC.AllocateArray<byte>(size, pinned: true));
        }

        return buffer;
    }

    private static IEnumerable<Operation> Scalars()
    {
        yield return new("read_u64", "raw_read_u64", 1.15, () => Walk(new Read<Layouts.Direct>(Memories.Direct.Memory)), ReadRaw);
        yield return new("write_u64", "raw_write_u64", 1.2, () => Walk(new Write<Layouts.Direct>(Memories.Direct.Memory)), WriteRaw);
        yield return new(
            "guarded_read_u64", "raw_read_u64", 2.6, () => Walk(new Read<Layouts.Guarded>(Memories.Guarded.Memory)), () => Walk(new RawRead(Memories.Guarded.Raw)));
        yield return new(
            "guarded_write_u64", "raw_write_u64", 2.6, () => Walk(new Write<Layouts.Guarded>(Memories.Guarded.Memory)), () => Walk(new RawWrite(Memories.Guarded.Raw)));
        yield return new(
            "bitmap_read_u64", "raw_read_u64", 2.2, () => Walk(new Read<Layouts.Bitmap>(Memories.Bitmap.Memory)), () => Walk(new RawRead(Memories.Bitmap.Raw)));
        yield return new(
            "bitmap_write_u64", "raw_write_u64", 3, () => Walk(new Write<Layouts.Bitmap>(Memories.Bitmap.Memory)), () => Walk(new RawWrite(Memories.Bitmap.Raw)));
        yield return new(
            "bitmap_read_u64_called", "raw_read_u64_called", 2, () => Called(new Read<Layouts.Bitmap>(Memories.Bitmap.Memory)), () => Called(new RawRead(Memories.Bitmap.Raw)));
        yield return new(
            "bitmap_write_u64_called", "raw_write_u64_called", 3, () => Called(new Write<Layouts.Bitmap>(Memories.Bitmap.Memory)), () => Called(new RawWrite(Memories.Bitmap.Raw)));

        Memories.Measured regions = Memories.Regions(8);
        yield return new(
            "multi_region_read_u64",
            "raw_read_u64",
            1.8,
            () => Walk(new Read<Layouts.Regions>(regions.Memory)),
            () => Walk(new RawRead(regions.Raw)));
        yield return new(
            "multi_region_hop_read_u64",
            "raw_read_u64",
            1.8,
            () => WalkRegions(new Read<Layouts.Regions>(regions.Memory)),
            () => WalkRegions(new RawRead(regions.Raw)));
        yield return new(
            "compare_exchange_u64",
            "raw_compare_exchange_u64",
            1.15,
            () => Walk(new CompareExchange<Layouts.Direct>(Memories.Direct.Memory)),
            () => Walk(new RawCompareExchange(Memories.Direct.Raw)));
        yield return new(
            "guarded_compare_exchange_u64",
            "raw_compare_exchange_u64",
            1.7,
            () => Walk(new CompareExchange<Layouts.Guarded>(Memories.Guarded.Memory)),
            () => Walk(new RawCompareExchange(Memories.Guarded.Raw)));
        yield return new(
            "bitmap_compare_exchange_u64",
            "raw_compare_exchange_u64",
            2.5,
            () => Walk(new CompareExchange<Layouts.Bitmap>(Memories.Bitmap.Memory)),
            () => Walk(new RawCompareExchange(Memories.Bitmap.Raw)));
        yield return new("try_read_out_of_range", "raw_read_u64", 2, () => Walk(new TryReadOutOfRange<Layouts.Direct>(Memories.Direct.Memory)), ReadRaw);
    }

    private static IEnumerable<Operation> Bytes()
    {
        double[] aims = [1.3, 1.3, 1.2, 1.1, 1.05, 1.02];
        foreach ((int size, double aim) in Sizes.Zip(aims))
        {
            yield return new(
                $"read_bytes_{size}", $"NativeMemory.Copy_{size}", aim, () => Walk(new ReadBytes<Layouts.Direct>(Memories.Direct.Memory, Buffer(size)), size), () => RawCopy(size));
        }

        foreach ((int size, double aim) in Sizes.Zip(aims))
        {
            yield return new(
                $"write_bytes_{size}",
                $"NativeMemory.Copy_{size}",
                aim,
                () => Walk(new WriteBytes<Layouts.Direct>(Memories.Direct.Memory, Buffer(size)), size),
                () => Walk(new RawWriteBytes(Memories.Direct.Raw, Buffer(size)), size));
        }

        // No aim was stated for guarded copies: these are what OpenVMM's guestmem, which guards always, takes of its raw copy.
        double[] guarded = [2.34, 3.03, 2.8, 2.23, 1.11, 1.02];
        foreach ((int size, double aim) in Sizes.Zip(guarded))
        {
            yield return new(
                $"guarded_read_bytes_{size}",
                $"NativeMemory.Copy_{size}",
                aim,
                () => Walk(new ReadBytes<Layouts.Guarded>(Memories.Guarded.Memory, Buffer(size)), size),
                () => Walk(new RawReadBytes(Memories.Guarded.Raw, Buffer(size)), size));
        }

        foreach ((int size, double aim) in new[] { (256, 1.5), (4096, 1.05) })
        {
            yield return new(
                $"fill_{size}",
                $"NativeMemory.Fill_{size}",
                aim,
                () => Walk(new Fill(Memories.Direct.Memory, size), size),
                () => Walk(new RawFill(Memories.Direct.Raw, size), size));
        }
    }

    private static IEnumerable<Operation> Ranges()
    {
        yield return Operation.Timed("lock_16_pages", 90, () => Walk(new LockPages(Memories.Direct.Memory, Pages()), default(Strides.Scalars), 64));
        yield return Operation.Timed("subrange_read_u64", 15, () => Walk(new SubrangeRead(Memories.Direct.Memory)));
        yield return new(
            "scattered_read_64k", "NativeMemory.Copy_65536", 1.1, () => Walk(new ScatteredRead(Memories.Direct.Memory, Buffer(65536)), 65536), () => RawCopy(65536));
    }

    private static IEnumerable<Operation> Sections()
    {
        yield return Operation.Timed("rcu_section", 1.2, () => Walk(default(EmptySection)));

        // "Clearly below the 5 ns of a plain thread-static": by a fifth.
        yield return Operation.Timed("rcu_section_called", 4, () => Called(default(EmptySection)));
    }

    private static IEnumerable<Operation> Faults()
    {
        yield return Operation.Timed("fault_refused", 3200, () =>
        {
            var memory = new GuestMemory("holes", new SparseMapping(Window.Memory));
            return Walk(new RefusedRead(memory), default(Strides.Scalars), 64);
        });
        yield return new(
            "fault_resolved_4k", "raw_fault_mmap_touch", 1.15, () => new FirstTouchKernel(4096), () => new RawFirstTouchKernel());
        yield return Operation.Timed("fault_resolved_64k", 1500, () => new FirstTouchKernel(65536));
    }

    private static IEnumerable<Operation> Threads()
    {
        yield return new(
            "threads2_read_u64",
            "one_thread_read_u64",
            1.05,
            () => new TwoThreadKernel(Walk(new Read<Layouts.Direct>(Memories.Direct.Memory)), Walk(new Read<Layouts.Direct>(Memories.Direct.Memory))),
            () => new TwoThreadKernel(Walk(new Read<Layouts.Direct>(Memories.Direct.Memory)), other: null));
    }

    private static WalkKernel<TOperation, Strides.Scalars> Walk<TOperation>(TOperation operation)
        where TOperation : struct, IWalkOperation => new(operation, default);

    private static WalkKernel<TOperation, Strides.Regions> WalkRegions<TOperation>(TOperation operation)
        where TOperation : struct, IWalkOperation => new(operation, default);

    /// <summary>Accesses of a size; so many a call that a call takes microseconds.</summary>
    private static WalkKernel<TOperation, Strides.Ranges> Walk<TOperation>(TOperation operation, int size)
        where TOperation : struct, IWalkOperation => Walk(operation, new Strides.Ranges(size), size <= 1024 ? 512 : size <= 4096 ? 128 : 16);

    private static WalkKernel<TOperation, TStride> Walk<TOperation, TStride>(TOperation operation, TStride stride, int count)
        where TOperation : struct, IWalkOperation
        where TStride : struct, IStride => new(operation, stride, count);

    private static WalkKernel<TOperation, Strides.Scalars> Called<TOperation>(TOperation operation)
        where TOperation : struct, IWalkOperation => new(operation, default, called: true);

    private static WalkKernel<RawReadBytes, Strides.Ranges> RawCopy(int size) => Walk(new RawReadBytes(Memories.Direct.Raw, Buffer(size)), size);

    /// <summary>The page numbers of the window, in an order without neighbours.</summary>
    private static ulong[] Pages()
    {
        var pages = new ulong[128];
        for (int i = 0; i < pages.Length; i++)
        {
            pages[i] = (ulong)i * 37 % (Window.Size >> GuestAddress.PageShift);
        }

        return pages;
    }
}
