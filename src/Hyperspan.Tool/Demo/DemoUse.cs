namespace Hyperspan.Tool.Demo;

/// <summary>A part of memory that serves a purpose.</summary>
/// <param name="Kind">The purpose: rings, headers or buffers.</param>
/// <param name="Start">Its guest-physical address.</param>
/// <param name="Length">Its length in bytes.</param>
internal sealed record DemoUse(string Kind, GuestAddress Start, ulong Length)
{
    internal const string Rings = "rings";
    internal const string Headers = "headers";
    internal const string Buffers = "buffers";
}
