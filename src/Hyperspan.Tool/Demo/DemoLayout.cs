namespace Hyperspan.Tool.Demo;

/// <summary>Where things lie in the demonstration's guest-physical memory and on its disk.</summary>
/// <remarks>
/// As on a PC: low memory, a hole, memory from 1 MiB up, and memory above 4 GiB. One queue's rings lie below and one's above 4 GiB, and buffers in each
/// region, so that nothing works by chance of one layout.
/// </remarks>
internal static class DemoLayout
{
    internal const ulong LowLength = 640 << 10;
    internal const ulong MainStart = 1 << 20;
    internal const ulong RamLength = 64 << 20;
    internal const ulong HighStart = 1UL << 32;
    internal const ulong HighLength = 32 << 20;
    internal const ulong ModuleStart = HighStart + (256 << 20);
    internal const ulong ModuleLength = 8 << 20;

    internal const int QueueCount = 2;
    internal const ushort QueueSize = 128;
    internal const int IndirectEntries = 4;

    internal const uint StreamRequest = 256 << 10;
    internal const int StreamDepth = 16;
    internal const uint SmallRequest = 4 << 10;
    internal const int SmallDepth = 64;
    internal const int SmallRequests = 100_000;

    internal const ulong MetadataLength = 1 << 20;
    internal const ulong DataLength = 128 << 20;
    internal const ulong ScratchLength = 8 << 20;
    internal const ulong DiskLength = MetadataLength + DataLength + ScratchLength;
    internal const ulong ScratchStart = MetadataLength + DataLength;

    // Small things in low memory.
    internal const ulong SmallBuffers = 0x1_0000;
    internal const ulong SmallBuffersLength = SmallDepth * (ulong)SmallRequest;
    internal const ulong MetadataBuffer = 0x8_0000;

    // Data of writes in main memory, of reads above 4 GiB.
    internal const ulong WriteBuffers = MainStart + (8 << 20);
    internal const ulong ReadBuffers = HighStart + (4 << 20);
    internal const ulong StreamBuffersLength = StreamDepth * (ulong)StreamRequest;

    /// <summary>Where the rings of a queue lie.</summary>
    internal static GuestAddress Rings(int queue) => queue == 0 ? MainStart + (1 << 20) : HighStart + (1 << 20);

    /// <summary>Where the headers and status bytes of a queue's requests lie.</summary>
    internal static GuestAddress Headers(int queue) => Rings(queue) + (2 << 20);
}
