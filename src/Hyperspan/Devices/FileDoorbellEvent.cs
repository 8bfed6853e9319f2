using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Devices;

/// <summary>A doorbell event that adds one to an eventfd.</summary>
internal sealed class FileDoorbellEvent(SafeFileHandle descriptor) : DoorbellEvent
{
    public override SafeFileHandle EventFileDescriptor => descriptor;

    public override void Signal()
    {
        // In the byte order of the host, as the kernel takes it; the offset means nothing to an eventfd.
        ulong one = 1;
        RandomAccess.Write(descriptor, System.Runtime.InteropServices.MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in one)), fileOffset: 0);
    }
}
