namespace Hyperspan.Interop.Windows;

/// <summary><c>MEM_…</c>: what is given back (VirtualFree).</summary>
internal enum FreeType : uint
{
    Decommit = 0x4000,
    Release = 0x8000,
}
