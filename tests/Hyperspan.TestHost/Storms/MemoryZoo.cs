using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Storms;

/// <summary>Memories of equal size, one for each path that an access can take.</summary>
internal static class MemoryZoo
{
    public const ulong Page = 4096;

    /// <summary>The size of the pages that the system maps by: 4 KiB, on arm64 also 16 or 64.</summary>
    public static readonly ulong HostPage = (ulong)Environment.SystemPageSize;

    public static IReadOnlyList<string> Paths { get; } =
        ["direct", "shared", "guarded", "file", "foreign", "table", "bitmap", "bitmap-guarded", "blocking", "slice"];

    /// <summary>Makes a memory whose every page can be accessed; disposing what is returned disposes all of it.</summary>
    /// <remarks>The second is what <see cref="GuestMemory.Dispose"/> is called on where the first is a slice.</remarks>
    public static (GuestMemory Memory, GuestMemory Root) Create(string path, ulong pages)
    {
        ulong length = pages * Page;
        GuestMemory root = path switch
        {
            "direct" => GuestMemory.Allocate(length),
            "shared" => new GuestMemory(new SharedBacking(length), "shared"),
            "guarded" => new GuestMemory(Committed(length), "guarded"),
            "file" => new GuestMemory(FromFile(length), "file"),
            "foreign" => new GuestMemory(Foreign(length), "foreign"),
            "table" => new GuestMemoryBuilder("table")
                .AddRegion(0, Committed(length), backingOffset: 0, length: Page)
                .AddRegion(Page, new HeapBacking(length), backingOffset: 0, length: Page)
                .AddRegion(2 * Page, new SharedBacking(length), backingOffset: 0, length: length - (2 * Page))
                .Build(),
            "bitmap" => new GuestMemory(new RestrictedBacking(new HeapBacking(length)), "bitmap"),
            "bitmap-guarded" => new GuestMemory(new RestrictedBacking(Committed(length)), "bitmap-guarded"),
            "blocking" => new GuestMemory(Committed(length, FaultBehavior.MayBlock), "blocking"),
            "slice" => new GuestMemory(new HeapBacking(length + Page), "slice"),
            _ => throw new ArgumentException("unknown path " + path, nameof(path)),
        };
        return (path == "slice" ? root.Slice(Page, length).Slice(0, length) : root, root);
    }

    public static SparseBacking Committed(ulong length, FaultBehavior behavior = FaultBehavior.MayFault)
    {
        var mapping = new SparseBacking(length, new SparseBackingOptions { FaultBehavior = behavior });
        mapping.Commit(0, length);
        return mapping;
    }

    public static SafeFileHandle MemoryFile(ulong length)
    {
        int descriptor = LibC.MemfdCreate("storm", MemoryFileFlags.CloseOnExec);
        var file = new SafeFileHandle(descriptor, ownsHandle: true);
        if (file.IsInvalid || LibC.Ftruncate(file, (long)length) != 0)
        {
            throw new InvalidOperationException("A memory file cannot be made.");
        }

        return file;
    }

    public static FileBacking FromFile(ulong length)
    {
        using SafeFileHandle file = MemoryFile(length);
        return new FileBacking(file, FileAccess.ReadWrite);
    }

    private static ForeignBacking Foreign(ulong length)
    {
        using SafeFileHandle file = MemoryFile(length);
        return new ForeignBacking(file, 0, length);
    }
}
