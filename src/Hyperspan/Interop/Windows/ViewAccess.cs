namespace Hyperspan.Interop.Windows;

/// <summary><c>FILE_MAP_…</c>: what is done with a view of a section.</summary>
internal enum ViewAccess : uint
{
    Copy = 0x01,
    Write = 0x02,
    Read = 0x04,
}
