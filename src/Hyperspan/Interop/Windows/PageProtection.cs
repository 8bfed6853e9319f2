namespace Hyperspan.Interop.Windows;

/// <summary><c>PAGE_…</c>: what the processor may do with a page.</summary>
internal enum PageProtection : uint
{
    NoAccess = 0x01,
    ReadOnly = 0x02,
    ReadWrite = 0x04,
    ExecuteRead = 0x20,
}
