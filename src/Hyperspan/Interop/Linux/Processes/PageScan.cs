using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>Which pages <c>PAGEMAP_SCAN</c> is to list, and where to (<c>struct pm_scan_arg</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PageScan
{
    internal ulong Size;
    internal ulong Flags;
    internal ulong Start;
    internal ulong End;

    /// <summary>Set by the kernel: where it stopped, for want of room or at the end.</summary>
    internal ulong Reached;
    internal PageRange* Ranges;
    internal ulong RangeCount;
    internal ulong MostPages;
    internal ulong Inverted;

    /// <summary>What a page must be, all of it (<c>PAGE_IS_…</c>).</summary>
    internal ulong Required;
    internal ulong AnyOf;

    /// <summary>What of it is told.</summary>
    internal ulong Reported;
}
