namespace Hyperspan;

/// <summary>Whether private memory should be backed by transparent huge pages (madvise(2)). Advice: a kernel without them ignores it.</summary>
public enum HugePageAdvice : byte
{
    /// <summary>As the system is set up.</summary>
    Default,

    /// <summary>Huge pages where possible (<c>MADV_HUGEPAGE</c>): faster to access and to populate, coarser in memory use.</summary>
    Prefer,

    /// <summary>No huge pages (<c>MADV_NOHUGEPAGE</c>): for memory that is given back, tracked or restored page by page.</summary>
    Avoid,
}
