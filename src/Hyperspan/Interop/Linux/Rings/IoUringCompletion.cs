using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct io_uring_cqe</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct IoUringCompletion
{
    internal readonly ulong UserData;

    /// <summary>What the call would have returned; an error number if negative.</summary>
    internal readonly int Result;

    internal readonly uint Flags;
}
