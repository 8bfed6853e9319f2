using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>A piece of memory as the kernel takes it: <c>struct iovec</c> of readv(2).</summary>
/// <param name="address">The host address of the first byte.</param>
/// <param name="length">The length in bytes.</param>
[StructLayout(LayoutKind.Sequential)]
[DebuggerDisplay("{Length} bytes")]
public readonly unsafe struct IoVector(void* address, nuint length)
{
    /// <summary>Gets the host address of the first byte.</summary>
    public void* Address { get; } = address;

    /// <summary>Gets the length in bytes.</summary>
    public nuint Length { get; } = length;
}
