namespace Hyperspan.Interop.Linux;

/// <summary><c>FALLOC_FL_…</c> (fallocate(2)).</summary>
[Flags]
internal enum FileAllocation
{
    Allocate = 0,
    KeepSize = 0x1,
    PunchHole = 0x2,
    ZeroRange = 0x10,
}
