using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>Pages that <c>PAGEMAP_SCAN</c> has found, by their addresses in this process (<c>struct page_region</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PageRange
{
    internal ulong Start;
    internal ulong End;
    internal ulong Categories;
}
