using System.Runtime.InteropServices;

namespace Hyperspan.Testing;

/// <summary>Two numbers of 32 bits: a ring's index and a value, or the offset and the length of a part of the configuration.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct NumberPair(uint First, uint Second);
