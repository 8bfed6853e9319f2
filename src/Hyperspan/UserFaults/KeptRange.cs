using System.Runtime.InteropServices;

namespace Hyperspan.UserFaults;

/// <summary>A range whose pages are kept as they are, as the machine code knows it. It begins with a <c>struct uffdio_register</c>, in which the kernel answers at 24.</summary>
[StructLayout(LayoutKind.Explicit, Size = 48)]
internal unsafe struct KeptRange
{
    [FieldOffset(0)]
    internal ulong Start;

    [FieldOffset(8)]
    internal ulong Length;

    /// <summary>For what it is registered (<c>UFFDIO_REGISTER_MODE_…</c>).</summary>
    [FieldOffset(16)]
    internal ulong Mode;

    /// <summary>The size of a page, as a power of two.</summary>
    [FieldOffset(32)]
    internal ulong Shift;

    /// <summary>
    /// A word for each page: zero while it is as it was; one more than the number of the slot that holds what it was; all ones for a page that was not there, and so zero.
    /// </summary>
    [FieldOffset(40)]
    internal uint* Pages;
}
