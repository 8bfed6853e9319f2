namespace Hyperspan.Interop.Windows;

/// <summary>What becomes of the addresses of a view (UnmapViewOfFile2).</summary>
internal enum UnmapOptions : uint
{
    None = 0,
    PreservePlaceholder = 2,
}
