using System.Runtime.Versioning;

using Hyperspan.Interop.Windows;

namespace Hyperspan;

/// <summary>The record that Windows keeps of the pages that were written in an allocation made with <c>MEM_WRITE_WATCH</c>.</summary>
[SupportedOSPlatform("windows")]
internal static unsafe class WriteWatch
{
    private const int MostPages = 512;

    /// <summary>Marks what has been written since the last time, and has the system forget it. Where it does not say, all of the range is marked.</summary>
    /// <param name="mapping">Where the memory that is marked begins.</param>
    /// <param name="start">Where in it the range begins, which lies in one such allocation.</param>
    /// <param name="end">Where it ends.</param>
    /// <param name="marks">Receives the marks.</param>
    internal static void Take(byte* mapping, ulong start, ulong end, DirtyMap marks)
    {
        void** pages = stackalloc void*[MostPages];
        byte* last = mapping + end;
        for (byte* at = mapping + start; at < last;)
        {
            nuint count = MostPages;

            // SAFETY: room for as many pages as it says; what it names it resets, in one step each.
            if (Kernel32.GetWriteWatch(WriteWatchOptions.Reset, at, (nuint)(last - at), pages, &count, out uint granularity) != 0)
            {
                marks.Mark(start, end - start);
                return;
            }

            for (nuint i = 0; i < count; i++)
            {
                marks.Mark((ulong)((byte*)pages[i] - mapping), granularity);
            }

            if (count < MostPages)
            {
                return;
            }

            at = (byte*)pages[count - 1] + granularity;
        }
    }
}
