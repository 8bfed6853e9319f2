using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Tests;

/// <summary>A guest's memory in a memfd without seals: what a careless or hostile front end shares, since it can be truncated.</summary>
internal sealed class TestMemory : IDisposable
{
    internal TestMemory(ulong length)
    {
        int descriptor = LibC.MemfdCreate("test", MemoryFileFlags.CloseOnExec | MemoryFileFlags.AllowSealing);
        descriptor.ShouldBeGreaterThanOrEqualTo(0);
        File = new SafeFileHandle(descriptor, ownsHandle: true);
        Truncate(length);
        Memory = new GuestMemory(new ForeignBacking(File, 0, length), "driver");
        Length = length;
    }

    internal SafeFileHandle File { get; }

    internal GuestMemory Memory { get; }

    internal ulong Length { get; }

    internal static ulong UserOffset => 0x7f12_0000_0000;

    internal void Truncate(ulong length) => LibC.Ftruncate(File, (long)length).ShouldBe(0);

    /// <summary>Describes a part of it as a region. Its user addresses are no real ones: nobody should access them.</summary>
    internal VhostUserSharedMemory Region(ulong guestAddress = 0, ulong? length = null, ulong offset = 0) =>
        new(new VhostUserMemoryRegion(guestAddress, length ?? (Length - offset), UserOffset + guestAddress, offset), File);

    public void Dispose()
    {
        Memory.Dispose();
        File.Dispose();
    }
}
