namespace Hyperspan.Interop.Linux;

/// <summary><c>O_…</c> (open(2)); eventfd(2), userfaultfd(2) and socketpair(2) take the same bits under names of their own.</summary>
[Flags]
internal enum OpenFlags
{
    ReadOnly = 0,
    WriteOnly = 1,
    ReadWrite = 2,
    Exclusive = 0x80,
    NonBlocking = 0x800,
    CloseOnExec = 0x8_0000,
}
