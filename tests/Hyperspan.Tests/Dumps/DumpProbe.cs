using Hyperspan.Dumps;

namespace Hyperspan.Tests.Dumps;

/// <summary>Opens a file that somebody has damaged, and reads a little of all that it says to be there.</summary>
internal static class DumpProbe
{
    private const long MostAllocated = 8 << 20;

    /// <summary>Tries; nothing but a refusal may come of it, and not much may be allocated.</summary>
    /// <returns>Whether it was refused.</returns>
    internal static bool IsRefused(string path, DumpFormat? format = null, int mostSegments = int.MaxValue)
    {
        byte[] buffer = new byte[100];
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool isRefused = false;
        try
        {
            using GuestMemoryDump dump = GuestMemoryDump.Open(path, format);
            using GuestMemory memory = dump.CreateMemory();
            foreach (DumpSegment segment in dump.Segments.Take(mostSegments))
            {
                memory.TryRead(segment.Range.Start, buffer.AsSpan(0, (int)Math.Min(segment.Range.Length, 100)), out _);
                memory.TryRead(segment.Range.Last!.Value, buffer.AsSpan(0, 1), out _);
            }

            dump.GetStoredRanges().Take(1000).Count();
        }
        catch (InvalidDumpException)
        {
            isRefused = true;
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(MostAllocated);
        return isRefused;
    }
}
