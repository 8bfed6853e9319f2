using Hyperspan.Translation;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>The memories that operations are measured on, and the raw pointer to the same pages for the baseline. Made on first use, kept to the end.</summary>
internal static unsafe class Memories
{
    private static readonly Lazy<Measured> LazyDirect = new(() => Make(NewHeap()));
    private static readonly Lazy<Measured> LazyGuarded = new(() => Make(NewSparse()));
    private static readonly Lazy<Measured> LazyBitmap = new(() => Make(NewHeap(new AccessBitmaps(Window.Memory))));
    private static readonly Lazy<Measured> LazyGuardedBitmap = new(() => Make(NewSparse(new AccessBitmaps(Window.Memory))));
    private static readonly Lazy<Measured> LazyTracked = new(() => Tracked(Make(NewHeap())));
    private static readonly Lazy<Measured> LazyTrackedRegions = new(() => Tracked(Regions(8)));
    private static readonly Lazy<Measured> LazyTranslated = new(() => Translated(NewHeap()));
    private static readonly Lazy<Measured> LazyTranslatedGuarded = new(() => Translated(NewSparse()));
    private static readonly Lazy<Measured> LazyEightRegions = new(() => Regions(8));
    private static readonly Lazy<Measured> LazyQueue = new(() => Make(NewHeap()));
    private static readonly Lazy<Measured> LazyGuardedQueue = new(() => Make(NewSparse()));
    private static readonly Lazy<Measured> LazyBitmapQueue = new(() => Make(NewHeap(new AccessBitmaps(Window.Memory))));
    private static readonly Lazy<Measured> LazyTranslatedQueue = new(() => Translated(NewHeap()));
    private static readonly Lazy<Measured> LazyGatedQueue = new(() => Translated(NewHeap()));
    private static readonly Lazy<Measured> LazyTranslatedGuardedQueue = new(() => Translated(NewSparse()));

    /// <summary>Memory that cannot fault.</summary>
    internal static Measured Direct => LazyDirect.Value;

    /// <summary>Memory that can fault: a sparse mapping, of which all pages are there.</summary>
    internal static Measured Guarded => LazyGuarded.Value;

    /// <summary>Memory that cannot fault, under access bitmaps.</summary>
    internal static Measured Bitmap => LazyBitmap.Value;

    /// <summary>Memory that can fault, under access bitmaps.</summary>
    internal static Measured GuardedBitmap => LazyGuardedBitmap.Value;

    /// <summary>Memory that cannot fault, with a dirty log in which each page is marked already.</summary>
    internal static Measured TrackedPages => LazyTracked.Value;

    /// <summary>The same in eight regions.</summary>
    internal static Measured TrackedRegions => LazyTrackedRegions.Value;

    /// <summary>Memory that cannot fault, through I/O virtual addresses.</summary>
    internal static Measured TranslatedPages => LazyTranslated.Value;

    /// <summary>Memory that can fault, through I/O virtual addresses.</summary>
    internal static Measured TranslatedGuarded => LazyTranslatedGuarded.Value;

    /// <summary>The window cut into eight regions.</summary>
    internal static Measured EightRegions => LazyEightRegions.Value;

    /// <summary>Memory that cannot fault, for a virtqueue.</summary>
    internal static Measured Queue => LazyQueue.Value;

    /// <summary>Memory that can fault, for a virtqueue.</summary>
    internal static Measured GuardedQueue => LazyGuardedQueue.Value;

    /// <summary>Memory under access bitmaps, for a virtqueue.</summary>
    internal static Measured BitmapQueue => LazyBitmapQueue.Value;

    /// <summary>Memory that cannot fault, through I/O virtual addresses, for a virtqueue.</summary>
    internal static Measured TranslatedQueue => LazyTranslatedQueue.Value;

    /// <summary>The same, for a virtqueue with a gate.</summary>
    internal static Measured GatedQueue => LazyGatedQueue.Value;

    /// <summary>Memory that can fault, through I/O virtual addresses, for a virtqueue.</summary>
    internal static Measured TranslatedGuardedQueue => LazyTranslatedGuardedQueue.Value;

    /// <summary>The window cut into equal regions, each over a part of one backing; the last has what is left.</summary>
    internal static Measured Regions(int count)
    {
        HeapBacking backing = NewHeap();
        var builder = new GuestMemoryBuilder("regions");
        ulong size = Window.Size / (ulong)count;
        for (int i = 0; i < count; i++)
        {
            builder.AddRegion((ulong)i * size, backing, (ulong)i * size, i == count - 1 ? backing.Length - ((ulong)i * size) : size);
        }

        return new Measured(builder.Build(), backing);
    }

    private static Measured Translated(GuestMemoryBacking backing) =>
        new(new TranslatedMemory(new GuestMemory(backing), new SwappingTranslator()).Memory, backing, IsSwapped: true);

    private static Measured Tracked(Measured measured)
    {
        var log = new DirtyLog(measured.Memory);
        log.Start();
        measured.Memory.Clear(0, Window.Size);
        return measured;
    }

    private static Measured Make(GuestMemoryBacking backing) => new(new GuestMemory(backing, "bench"), backing);

    private static HeapBacking NewHeap(AccessBitmaps? bitmaps = null)
    {
        var heap = new HeapBacking(Window.Memory, new HeapBackingOptions { Prefault = true }) { AccessBitmaps = bitmaps };
        new Random(1).NextBytes(new Span<byte>(heap.Mapping, (int)heap.Length));
        return heap;
    }

    private static SparseBacking NewSparse(AccessBitmaps? bitmaps = null)
    {
        var sparse = new SparseBacking(Window.Memory) { AccessBitmaps = bitmaps };
        sparse.Commit(0, sparse.Length);
        new Random(1).NextBytes(new Span<byte>(sparse.Mapping, (int)sparse.Length));
        return sparse;
    }

    /// <summary>A memory and what is below it.</summary>
    internal sealed record Measured(GuestMemory Memory, GuestMemoryBacking Backing, bool IsSwapped = false)
    {
        /// <summary>Gets the host address of guest address zero.</summary>
        internal nint Raw => (nint)Backing.Mapping;

        /// <summary>Gets the host address of a guest address, through the translation where there is one.</summary>
        internal nint RawAt(int address) => Raw + (IsSwapped ? address ^ (int)GuestAddress.PageSize : address);
    }
}
