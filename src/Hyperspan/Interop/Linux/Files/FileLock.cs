using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct flock</c> of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FileLock
{
    internal FileLockType Type;
    internal short Whence;
    internal long Start;
    internal long Length;
    internal int ProcessId;
}
