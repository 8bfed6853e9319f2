using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>struct cmsghdr of 64-bit Linux (cmsg(3)); what it carries follows it, and the next one at the next multiple of eight.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ControlHeader
{
    internal const int Size = 16;

    internal ulong Length;
    internal int Level;
    internal int Type;

    internal static int SpaceFor(int descriptors) => (Size + (descriptors * sizeof(int)) + 7) & ~7;
}
