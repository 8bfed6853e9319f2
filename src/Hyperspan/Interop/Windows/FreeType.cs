namespace Hyperspan.Interop.Windows;

/// <summary><c>MEM_…</c>: what is given back (VirtualFree).</summary>
[Flags]
internal enum FreeType : uint
{
    CoalescePlaceholders = 1,
    PreservePlaceholder = 2,
    Decommit = 0x4000,
    Release = 0x8000,
}
