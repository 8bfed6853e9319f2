using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_clear_dirty_log</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmClearDirtyLog
{
    internal uint Slot;
    internal uint PageCount;
    internal ulong FirstPage;
    internal ulong* Bitmap;
}
