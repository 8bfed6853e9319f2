using Hyperspan.Benchmarks.Kernels;
using Hyperspan.Benchmarks.Quick;

namespace Hyperspan.Benchmarks;

/// <summary>All operations that are measured.</summary>
internal static class Operations
{
    private static readonly int[] Sizes = [8, 64, 256, 1024, 4096, 65536];
    private static readonly Dictionary<int, byte[]> Buffers = [];

    /// <summary>Gets the operations in the order of the table.</summary>
    internal static IReadOnlyList<Operation> All { get; } =
        [.. Scalars(), .. Structures(), .. Mixed(), .. Bytes(), .. Ranges(), .. Tasks(), .. Sections(), .. Faults(), .. Threads(), .. Wholes()];

    /// <summary>Gets the operation that must come out as not met.</summary>
    internal static Operation Slowed { get; } =
        new("check_slowed_read_u64", 1.15, () => Walk(new SlowedRead(Memories.Direct.Memory)), RawRead);

    internal static Floor RawRead => new("raw_read_u64", () => Walk(new RawRead(Memories.Direct.Raw)));

    private static Floor RawWrite => new("raw_write_u64", () => Walk(new RawWrite(Memories.Direct.Raw)));

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
        yield return new("read_u64", 1.15, () => Walk(new Read<Layouts.Direct>(Memories.Direct.Memory)), RawRead);
        yield return new("write_u64", 1.2, () => Walk(new Write<Layouts.Direct>(Memories.Direct.Memory)), RawWrite);
        yield return new("guarded_read_u64", 2.6, () => Walk(new Read<Layouts.Guarded>(Memories.Guarded.Memory)), RawReadOf(() => Memories.Guarded));
        yield return new("guarded_write_u64", 2.6, () => Walk(new Write<Layouts.Guarded>(Memories.Guarded.Memory)), RawWriteOf(() => Memories.Guarded));
        yield return new("bitmap_read_u64", 2.2, () => Walk(new Read<Layouts.Bitmap>(Memories.Bitmap.Memory)), RawReadOf(() => Memories.Bitmap));
        yield return new("bitmap_write_u64", 3, () => Walk(new Write<Layouts.Bitmap>(Memories.Bitmap.Memory)), RawWriteOf(() => Memories.Bitmap));
        yield return new(
            "bitmap_read_u64_called",
            2,
            () => Called(new Read<Layouts.Bitmap>(Memories.Bitmap.Memory)),
            new Floor("raw_read_u64_called", () => Called(new RawRead(Memories.Bitmap.Raw))));
        yield return new(
            "bitmap_write_u64_called",
            3,
            () => Called(new Write<Layouts.Bitmap>(Memories.Bitmap.Memory)),
            new Floor("raw_write_u64_called", () => Called(new RawWrite(Memories.Bitmap.Raw))));
        yield return new("multi_region_read_u64", 1.8, () => Walk(new Read<Layouts.Regions>(Memories.EightRegions.Memory)), RawReadOf(() => Memories.EightRegions));
        yield return new(
            "multi_region_hop_read_u64",
            1.8,
            () => WalkRegions(new Read<Layouts.Regions>(Memories.EightRegions.Memory)),
            new Floor("raw_read_u64", () => WalkRegions(new RawRead(Memories.EightRegions.Raw))));
        yield return new("compare_exchange_u64", 1.15, () => Walk(new CompareExchange<Layouts.Direct>(Memories.Direct.Memory)), RawExchangeOf(() => Memories.Direct));
        yield return new("guarded_compare_exchange_u64", 1.7, () => Walk(new CompareExchange<Layouts.Guarded>(Memories.Guarded.Memory)), RawExchangeOf(() => Memories.Guarded));
        yield return new("bitmap_compare_exchange_u64", 2.5, () => Walk(new CompareExchange<Layouts.Bitmap>(Memories.Bitmap.Memory)), RawExchangeOf(() => Memories.Bitmap));
        yield return new("translated_read_u64", 3.3, () => Walk(new Read<Layouts.Translated>(Memories.TranslatedPages.Memory)), RawReadOf(() => Memories.TranslatedPages));
        yield return new("translated_write_u64", 3.3, () => Walk(new Write<Layouts.Translated>(Memories.TranslatedPages.Memory)), RawWriteOf(() => Memories.TranslatedPages));
        yield return new(
            "translated_guarded_read_u64",
            3.3,
            () => Walk(new Read<Layouts.TranslatedGuarded>(Memories.TranslatedGuarded.Memory)),
            RawReadOf(() => Memories.TranslatedGuarded));
        yield return new(
            "translated_compare_exchange_u64",
            2.5,
            () => Walk(new CompareExchange<Layouts.Translated>(Memories.TranslatedPages.Memory)),
            RawExchangeOf(() => Memories.TranslatedPages));
        yield return Operation.Timed("tracked_write_u64", 3.1, () => Walk(new Write<Layouts.Tracked>(Memories.TrackedPages.Memory)));
        yield return Operation.Timed("tracked_regions_write_u64", 5.2, () => Walk(new Write<Layouts.TrackedRegions>(Memories.TrackedRegions.Memory)));
        yield return Operation.Timed("tracked_read_u64", 1.3, () => Walk(new Read<Layouts.Tracked>(Memories.TrackedPages.Memory)));
        yield return new("try_read_out_of_range", 2, () => Walk(new TryReadOutOfRange<Layouts.Direct>(Memories.Direct.Memory)), RawRead);
        yield return Operation.Timed("try_read_out_of_range_fault", 5, () => Walk(new TryReadOutOfRangeFault(Memories.Direct.Memory)));
        yield return Operation.Timed("try_read_fault_unused", 2, () => Walk(new TryReadFault(Memories.Direct.Memory)));
    }

    /// <summary>Structures: read and written as a whole, by as few loads as their size permits.</summary>
    private static IEnumerable<Operation> Structures()
    {
        yield return Operation.Timed("read_struct_16", 2.5, () => Walk(new ReadStructure<Structures.Of16>(Memories.Direct.Memory)));
        yield return Operation.Timed("read_struct_32", 2.5, () => Walk(new ReadStructure<Structures.Of32>(Memories.Direct.Memory)));
        yield return Operation.Timed("read_struct_64", 2.5, () => Walk(new ReadStructure<Structures.Of64>(Memories.Direct.Memory)));
        yield return Operation.Timed("write_struct_16", 2.5, () => Walk(new WriteStructure<Structures.Of16>(Memories.Direct.Memory)));
        yield return Operation.Timed("write_struct_64", 2.5, () => Walk(new WriteStructure<Structures.Of64>(Memories.Direct.Memory)));
        yield return Operation.Timed("guarded_read_struct_16", 9, () => Walk(new ReadStructure<Structures.Of16Guarded>(Memories.Guarded.Memory)));
        yield return Operation.Timed("bitmap_read_struct_16", 9, () => Walk(new ReadStructure<Structures.Of16Restricted>(Memories.Bitmap.Memory)));
    }

    /// <summary>One call site for every kind of memory, which has seen the heap first, as in a program that serves several.</summary>
    private static IEnumerable<Operation> Mixed()
    {
        yield return new("mixed_read_u64", 1.3, () => Trained(static memory => Walk(new Read<Layouts.Mixed>(memory)), Memories.Direct), RawRead);
        yield return new("mixed_guarded_read_u64", 2.6, () => Trained(static memory => Walk(new Read<Layouts.Mixed>(memory)), Memories.Guarded), RawReadOf(() => Memories.Guarded));
        yield return new("mixed_guarded_write_u64", 2.6,
            () => Trained(static memory => Walk(new Write<Layouts.Mixed>(memory)), Memories.Guarded),
            RawWriteOf(() => Memories.Guarded));
        yield return new("mixed_bitmap_read_u64", 2.6, () => Trained(static memory => Walk(new Read<Layouts.Mixed>(memory)), Memories.Bitmap), RawReadOf(() => Memories.Bitmap));
        yield return new("mixed_bitmap_write_u64", 3, () => Trained(static memory => Walk(new Write<Layouts.Mixed>(memory)), Memories.Bitmap), RawWriteOf(() => Memories.Bitmap));
    }

    private static IEnumerable<Operation> Bytes()
    {
        double[] aims = [1.3, 1.3, 1.15, 1.15, 1.1, 1.05];
        foreach ((int size, double aim) in Sizes.Zip(aims))
        {
            yield return new($"read_bytes_{size}", aim,
                () => Walk(new ReadBytes<Layouts.Direct>(Memories.Direct.Memory, Buffer(size)), size),
                RawReads(size, () => Memories.Direct));
        }

        foreach ((int size, double aim) in Sizes.Zip(aims))
        {
            yield return new($"write_bytes_{size}", aim,
                () => Walk(new WriteBytes<Layouts.Direct>(Memories.Direct.Memory, Buffer(size)), size),
                RawWrites(size, () => Memories.Direct));
        }

        // No aim was stated for short guarded copies: these are what OpenVMM's guestmem, which guards always, takes of its raw copy.
        double[] guarded = [2.34, 3.03, 2.8, 2.23, 1.11, 1.05];
        foreach ((int size, double aim) in Sizes.Zip(guarded))
        {
            yield return new($"guarded_read_bytes_{size}", aim,
                () => Walk(new ReadBytes<Layouts.Guarded>(Memories.Guarded.Memory, Buffer(size)), size),
                RawReads(size, () => Memories.Guarded));
        }

        foreach (int size in new[] { 64, 4096, 65536 })
        {
            double aim = size switch { 64 => 3.03, 4096 => 1.11, _ => 1.05 };
            yield return new($"guarded_write_bytes_{size}", aim,
                () => Walk(new WriteBytes<Layouts.Guarded>(Memories.Guarded.Memory, Buffer(size)), size),
                RawWrites(size, () => Memories.Guarded));
        }

        yield return Operation.Timed("bitmap_read_bytes_64", 9, () => Walk(new ReadBytes<Layouts.Bitmap>(Memories.Bitmap.Memory, Buffer(64)), 64));
        yield return Operation.Timed("bitmap_write_bytes_64", 9, () => Walk(new WriteBytes<Layouts.Bitmap>(Memories.Bitmap.Memory, Buffer(64)), 64));
        yield return new("bitmap_read_bytes_4096", 1.15,
            () => Walk(new ReadBytes<Layouts.Bitmap>(Memories.Bitmap.Memory, Buffer(4096)), 4096),
            RawReads(4096, () => Memories.Bitmap));
        yield return new("bitmap_write_bytes_4096", 1.15,
            () => Walk(new WriteBytes<Layouts.Bitmap>(Memories.Bitmap.Memory, Buffer(4096)), 4096),
            RawWrites(4096, () => Memories.Bitmap));
        yield return Operation.Timed("multi_region_hop_read_bytes_64", 5, () => WalkRegions(new ReadBytes<Layouts.Regions>(Memories.EightRegions.Memory, Buffer(64))));

        foreach ((int size, double aim) in new[] { (256, 1.5), (4096, 1.05) })
        {
            yield return new(
                $"fill_{size}",
                aim,
                () => Walk(new Fill(Memories.Direct.Memory, size), size),
                new Floor($"NativeMemory.Fill_{size}", () => Walk(new RawFill(Memories.Direct.Raw, size), size)));
        }
    }

    private static IEnumerable<Operation> Ranges()
    {
        yield return Operation.Timed("lock_16_pages", 80, () => Walk(new LockPages(Memories.Direct.Memory, Pages()), default(Strides.Scalars), 64));
        yield return Operation.Timed("subrange_read_u64", 15, () => Walk(new SliceRead(Memories.Direct.Memory)));
        yield return Operation.Timed("view_read_u64", 4, () => Walk(new ViewRead(Memories.Direct.Memory)));
        Floor[] scattered =
        [
            new("NativeMemory.Copy x16", () => Walk(new RawScatteredRead(Memories.Direct.Raw, Buffer(65536)), 65536)),
            new("vector_copy x16", () => Walk(new VectorScatteredRead(Memories.Direct.Raw, Buffer(65536)), 65536)),
        ];
        yield return new("scattered_read_64k", 1.1, () => Walk(new ScatteredRead(Memories.Direct.Memory, Buffer(65536)), 65536), scattered);
        yield return new("paged_read_64k", 1.1, () => Walk(new PagedRead(Memories.Direct.Memory, Buffer(65536), new ulong[16]), 65536), scattered);
        yield return new(
            "search_1g", 48.0 / 43, () => new SearchKernel(ours: true), new Floor("span_index_of", () => new SearchKernel(ours: false)));
    }

    /// <summary>What programs do with a guest's memory.</summary>
    private static IEnumerable<Operation> Tasks()
    {
        yield return new("descriptor_table_256", 1.5, () => new DescriptorTableKernel(raw: false), new Floor("raw_descriptors", () => new DescriptorTableKernel(raw: true)));
        yield return new("page_walk_4_levels", 1.3, () => new PageWalkKernel(raw: false), new Floor("raw_page_walk", () => new PageWalkKernel(raw: true)));
        yield return new(
            "packet_1514_in_3_buffers",
            1.3,
            () => Walk(new ScatteredPacket(Memories.Direct.Memory, Buffer(1514)), 1514),
            new Floor("NativeMemory.Copy x3", () => Walk(new RawScatteredPacket(Memories.Direct.Raw, Buffer(1514)), 1514)));
        yield return Operation.Timed("virtqueue_request", 25, () => new QueueKernel(Memories.Queue));
        yield return Operation.Timed("guarded_virtqueue_request", 40, () => new QueueKernel(Memories.GuardedQueue));
        yield return Operation.Timed("bitmap_virtqueue_request", 40, () => new QueueKernel(Memories.BitmapQueue));

        // Twelve accesses, 2 ns more each; with the gate of a vhost-user queue, which enters a lock five times, 15 ns more for each.
        yield return Operation.Timed("translated_virtqueue_request", 49, () => new QueueKernel(Memories.TranslatedQueue));
        yield return Operation.Timed("translated_guarded_virtqueue_request", 64, () => new QueueKernel(Memories.TranslatedGuardedQueue));
        yield return Operation.Timed("gated_translated_virtqueue_request", 124, () => new QueueKernel(Memories.GatedQueue, isGated: true));
    }

    private static IEnumerable<Operation> Sections()
    {
        yield return Operation.Timed("rcu_section", 1.1, () => Walk(default(EmptySection)));

        // "Clearly below the 5 ns of a plain thread-static": by a fifth.
        yield return Operation.Timed("rcu_section_called", 4, () => Called(default(EmptySection)));
    }

    private static IEnumerable<Operation> Faults()
    {
        yield return Operation.Timed("fault_refused", 3200, () =>
        {
            var memory = new GuestMemory(new SparseBacking(Window.Memory), "holes");
            return Walk(new RefusedRead(memory), default(Strides.Scalars), 64);
        });
        yield return new(
            "fault_resolved_4k", 1.15, () => new FirstTouchKernel(4096), new Floor("raw_fault_mmap_touch", () => new RawFirstTouchKernel()));
        yield return Operation.Timed("fault_resolved_64k", 1500, () => new FirstTouchKernel(65536));
    }

    private static IEnumerable<Operation> Threads()
    {
        yield return new(
            "threads2_read_u64",
            1.05,
            () => new TwoThreadKernel(Walk(new Read<Layouts.Direct>(Memories.Direct.Memory)), Walk(new Read<Layouts.Direct>(Memories.Direct.Memory))),
            new Floor("one_thread_read_u64", () => new TwoThreadKernel(Walk(new Read<Layouts.Direct>(Memories.Direct.Memory)), other: null)));
        yield return new(
            "threads16_read_u64",
            1.15,
            () => new CrowdKernel(() => Walk(new Read<Layouts.Direct>(Memories.Direct.Memory))),
            new Floor("threads16_raw_read_u64", () => new CrowdKernel(() => Walk(new RawRead(Memories.Direct.Raw)))));
    }

    /// <summary>What is measured outright.</summary>
    private static IEnumerable<Operation> Wholes()
    {
        yield return Operation.Whole("first_memory_and_read", 2_000_000, static () => StartUp.Measure(guarded: false));
        yield return Operation.Whole("first_guarded_memory_and_read", 2_000_000, static () => StartUp.Measure(guarded: true));
        foreach (string name in HoldUp.Names)
        {
            yield return Operation.Whole("gc_hold_up_" + name, 300_000, () => HoldUp.Measure(name));
        }
    }

    private static Floor RawReadOf(Func<Memories.Measured> memory) => new("raw_read_u64", () => Walk(new RawRead(memory().Raw)));

    private static Floor RawWriteOf(Func<Memories.Measured> memory) => new("raw_write_u64", () => Walk(new RawWrite(memory().Raw)));

    private static Floor RawExchangeOf(Func<Memories.Measured> memory) => new("raw_compare_exchange_u64", () => Walk(new RawCompareExchange(memory().Raw)));

    private static Floor[] RawReads(int size, Func<Memories.Measured> memory) =>
    [
        new($"NativeMemory.Copy_{size}", () => Walk(new RawReadBytes(memory().Raw, Buffer(size)), size)),
        new($"vector_copy_{size}", () => Walk(new VectorReadBytes(memory().Raw, Buffer(size)), size)),
    ];

    private static Floor[] RawWrites(int size, Func<Memories.Measured> memory) =>
    [
        new($"NativeMemory.Copy_{size}", () => Walk(new RawWriteBytes(memory().Raw, Buffer(size)), size)),
        new($"vector_copy_{size}", () => Walk(new VectorWriteBytes(memory().Raw, Buffer(size)), size)),
    ];

    private static Kernel Trained(Func<GuestMemory, Kernel> make, Memories.Measured memory)
    {
        QuickRunner.Train(make(Memories.Direct.Memory));
        return make(memory.Memory);
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
