using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct io_uring_params</c>: what is asked for, and where the parts of the rings lie in their mapping.</summary>
[StructLayout(LayoutKind.Explicit, Size = 120)]
internal struct IoUringParameters
{
    [FieldOffset(0)]
    internal uint SubmissionEntries;

    [FieldOffset(4)]
    internal uint CompletionEntries;

    [FieldOffset(8)]
    internal IoUringSetupFlags Flags;

    [FieldOffset(20)]
    internal uint Features;

    [FieldOffset(40)]
    internal uint SubmissionHead;

    [FieldOffset(44)]
    internal uint SubmissionTail;

    [FieldOffset(48)]
    internal uint SubmissionMask;

    [FieldOffset(64)]
    internal uint SubmissionArray;

    [FieldOffset(80)]
    internal uint CompletionHead;

    [FieldOffset(84)]
    internal uint CompletionTail;

    [FieldOffset(88)]
    internal uint CompletionMask;

    [FieldOffset(100)]
    internal uint Completions;
}
