using System.Diagnostics;

namespace Hyperspan;

/// <summary>How a <see cref="FileBacking"/> is made.</summary>
[DebuggerDisplay("{Name}, copy on write: {CopyOnWrite}")]
public sealed class FileBackingOptions
{
    /// <summary>
    /// Gets a value indicating whether the memory can be written although the file is only read: writes stay in this process, page by page. The file must not be changed
    /// by others either: whether such a change shows is unspecified (mmap(2), <c>MAP_PRIVATE</c>).
    /// </summary>
    public bool CopyOnWrite { get; init; }

    /// <summary>Gets the name used in faults, or <see langword="null"/> for the name of the file.</summary>
    public string? Name { get; init; }

    /// <summary>Gets the alignment of the mapping in bytes: a power of two from 4 KiB to 1 GiB. The default is 4 KiB.</summary>
    public ulong Alignment { get; init; } = PageMath.PageSize;

    /// <summary>
    /// Gets what accesses can meet, or <see langword="null"/> to go by the file system: <see cref="FaultBehavior.MayBlock"/> for those that are
    /// served by a process or over a network, <see cref="FaultBehavior.MayFault"/> for the others. A file can be truncated, so
    /// <see cref="FaultBehavior.Never"/> is refused.
    /// </summary>
    public FaultBehavior? FaultBehavior { get; init; }

    /// <summary>Gets a value indicating whether the file is read into memory at once, rather than page by page. Needs Linux 5.14.</summary>
    public bool Prefault { get; init; }
}
