namespace Hyperspan.Interop.Linux;

/// <summary><c>PROT_…</c>: what the processor may do with a page (mmap(2)).</summary>
[Flags]
internal enum MappingProtection
{
    None = 0,
    Read = 1,
    Write = 2,
    Execute = 4,
    ReadWrite = Read | Write,
    ReadExecute = Read | Execute,
}
