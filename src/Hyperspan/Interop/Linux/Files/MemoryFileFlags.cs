namespace Hyperspan.Interop.Linux;

/// <summary><c>MFD_…</c> (memfd_create(2)).</summary>
#pragma warning disable MA0062 // The page size is a number in the upper bits, not a flag of its own.
[Flags]
internal enum MemoryFileFlags : uint
#pragma warning restore MA0062
{
    None = 0,
    CloseOnExec = 0x1,
    AllowSealing = 0x2,
    HugeTlb = 0x4,
    NoExecSeal = 0x8,
    Huge2MiB = 21u << 26,
    Huge1GiB = 30u << 26,
}
