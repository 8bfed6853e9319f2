namespace Hyperspan.Interop.Windows;

/// <summary><c>PAGE_…</c>: what the processor may do with a page.</summary>
[Flags]
internal enum PageProtection : uint
{
    NoAccess = 0x01,
    ReadOnly = 0x02,
    ReadWrite = 0x04,
    WriteCopy = 0x08,
    ExecuteRead = 0x20,
    Guard = 0x100,
}
