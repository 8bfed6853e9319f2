using System.Runtime.InteropServices;

namespace Hyperspan.UserFaults;

/// <summary>A range whose pages are kept as they are, as the machine code knows it. It begins with a <c>struct uffdio_register</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KeptRange
{
    internal ulong Start;
    internal ulong Length;

    /// <summary>For what it is registered (<c>UFFDIO_REGISTER_MODE_…</c>).</summary>
    internal ulong Mode;

    /// <summary>What the kernel answers.</summary>
    internal ulong Calls;

    /// <summary>The size of a page, as a power of two.</summary>
    internal ulong Shift;

    /// <summary>
    /// A word for each page: zero while it is as it was; one more than the number of the slot that holds what it was; all ones for a page that was not there, and so zero.
    /// </summary>
    internal uint* Pages;
}
