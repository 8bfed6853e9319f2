using System.Diagnostics;

namespace Hyperspan;

/// <summary>How a <see cref="HeapBacking"/> is made.</summary>
[DebuggerDisplay("{Name}")]
public sealed class HeapBackingOptions
{
    /// <summary>Gets the name used in faults and, where the kernel can show it, in <c>/proc/self/maps</c>.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "heap";

    /// <summary>Gets the alignment of the mapping in bytes: a power of two from 4 KiB to 1 GiB. The default is 4 KiB.</summary>
    public ulong Alignment { get; init; } = PageMath.PageSize;

    /// <summary>Gets a value indicating whether the length is to be exactly the one asked for, rather than rounded up to whole pages of 4 KiB.</summary>
    public bool ExactLength { get; init; }

    /// <summary>Gets the advice on transparent huge pages. <see cref="HugePageAdvice.Prefer"/> raises the alignment to 2 MiB.</summary>
    public HugePageAdvice HugePageAdvice { get; init; }

    /// <summary>Gets a value indicating whether all memory is taken from the system at once, rather than at the first access of each page.</summary>
    public bool Prefault { get; init; }
}
