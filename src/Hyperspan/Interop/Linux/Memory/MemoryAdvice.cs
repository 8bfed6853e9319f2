namespace Hyperspan.Interop.Linux;

/// <summary><c>MADV_…</c> (madvise(2)).</summary>
internal enum MemoryAdvice
{
    DontNeed = 4,
    HugePage = 14,
    NoHugePage = 15,
    PopulateRead = 22,
    PopulateWrite = 23,
    DontNeedLocked = 24,
}
