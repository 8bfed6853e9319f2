namespace Hyperspan.Interop.Linux;

/// <summary><c>F_SEAL_…</c>: what can no longer be done to a memory file, by anybody (fcntl(2)).</summary>
[Flags]
internal enum FileSeals
{
    None = 0,
    Seal = 0x1,
    Shrink = 0x2,
    Grow = 0x4,
    Write = 0x8,
    FutureWrite = 0x10,
}
