namespace Hyperspan.Interop.Linux;

/// <summary><c>IORING_OP_…</c> (io_uring_enter(2)), those that are used.</summary>
internal enum IoUringOperation : byte
{
    NoOperation = 0,
    ReadVectors = 1,
    WriteVectors = 2,
    Poll = 6,
    Read = 22,
    Write = 23,
}
