using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct sigaction</c> of libc (glibc and musl agree on x86-64).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SignalAction
{
    internal nint Handler;
    internal fixed ulong Mask[16];
    internal int Flags;
    internal nint Restorer;
}
