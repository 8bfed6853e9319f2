using System.Diagnostics;

namespace Hyperspan;

/// <summary>How a <see cref="SharedBacking"/> is made.</summary>
[DebuggerDisplay("{Name}, huge pages: {HugePages}")]
public sealed class SharedBackingOptions
{
    /// <summary>Gets the name used in faults and in <c>/proc/self/maps</c> (as <c>/memfd:name</c>).</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "shared";

    /// <summary>Gets the size of the pages that it is made of, from the system's pool of huge pages. The default is ordinary pages.</summary>
    public HugePageSize HugePages { get; init; }

    /// <summary>Gets the alignment of the mapping in bytes: a power of two from 4 KiB to 1 GiB. The default is the page size.</summary>
    public ulong Alignment { get; init; } = PageMath.PageSize;

    /// <summary>
    /// Gets a value indicating whether pages can be given back to the system (<see cref="SharedBacking.Discard"/>), for a guest that has no use for them: a balloon, free page
    /// reporting. The default is no: then nobody has to keep which pages are pinned.
    /// </summary>
    public bool IsDiscardable { get; init; }

    /// <summary>Gets a value indicating whether all memory is taken from the system at once, rather than at the first access of each page.</summary>
    public bool Prefault { get; init; }
}
