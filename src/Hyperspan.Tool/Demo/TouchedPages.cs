using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Demo;

/// <summary>Finds out which pages of a memory file have been touched: the kernel makes a page at its first access, and tells which it has made.</summary>
internal static class TouchedPages
{
    /// <summary>Lists the parts of a file that have pages.</summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">Where to begin, in bytes.</param>
    /// <param name="length">How many bytes to look at.</param>
    /// <returns>Offsets from <paramref name="offset"/> and lengths, in order.</returns>
    internal static List<(ulong Start, ulong Length)> Find(SafeFileHandle file, ulong offset, ulong length)
    {
        var parts = new List<(ulong Start, ulong Length)>();
        long end = (long)(offset + length);
        long at = (long)offset;
        while (at < end)
        {
            long data = LibC.Lseek(file, at, SeekFrom.Data);
            if (data < 0 || data >= end)
            {
                break;
            }

            long hole = LibC.Lseek(file, data, SeekFrom.Hole);
            long last = hole < 0 ? end : Math.Min(hole, end);
            parts.Add(((ulong)data - offset, (ulong)(last - data)));
            at = last;
        }

        return parts;
    }
}
