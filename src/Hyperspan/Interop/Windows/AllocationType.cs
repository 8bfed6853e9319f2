namespace Hyperspan.Interop.Windows;

/// <summary><c>MEM_…</c>: what is done with addresses (VirtualAlloc).</summary>
[Flags]
internal enum AllocationType : uint
{
    Commit = 0x1000,
    Reserve = 0x2000,
    ReplacePlaceholder = 0x4000,
    ReservePlaceholder = 0x4_0000,
    WriteWatch = 0x20_0000,
}
