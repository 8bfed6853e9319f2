using System.Diagnostics;

namespace Hyperspan;

/// <summary>How a <see cref="SparseBacking"/> is made.</summary>
[DebuggerDisplay("{Name}, {FaultBehavior}")]
public sealed class SparseBackingOptions
{
    /// <summary>Gets the name used in faults and, where the kernel can show it, in <c>/proc/self/maps</c>.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "sparse";

    /// <summary>Gets the alignment of the mapping in bytes: a power of two from 4 KiB to 1 GiB. The default is 4 KiB.</summary>
    public ulong Alignment { get; init; } = PageMath.PageSize;

    /// <summary>
    /// Gets what accesses can meet: <see cref="FaultBehavior.MayFault"/>, the default, or <see cref="FaultBehavior.MayBlock"/> where faults are served
    /// by this process (userfaultfd, FUSE). There are holes, so <see cref="FaultBehavior.Never"/> is refused.
    /// </summary>
    public FaultBehavior FaultBehavior { get; init; } = FaultBehavior.MayFault;
}
