namespace Hyperspan.Interop.Linux;

/// <summary><c>MAP_…</c> (mmap(2)).</summary>
[Flags]
internal enum MappingFlags
{
    None = 0,
    Shared = 0x01,
    Private = 0x02,
    Fixed = 0x10,
    Anonymous = 0x20,
    NoReserve = 0x4000,
    Populate = 0x8000,
    FixedNoReplace = 0x10_0000,
}
