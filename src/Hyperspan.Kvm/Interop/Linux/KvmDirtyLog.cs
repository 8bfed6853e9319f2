using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_dirty_log</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmDirtyLog
{
    internal uint Slot;
    internal uint Padding;
    internal ulong* Bitmap;
}
