using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Demo;

/// <summary>One region of the demonstration's guest memory.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Start">Its guest-physical address.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Backing">The guest's own mapping of it.</param>
/// <param name="BackingOffset">Where in the backing it begins.</param>
/// <param name="File">The memory file.</param>
/// <param name="Sealed">Whether the file cannot shrink.</param>
internal sealed record DemoRegion(
    string Name, GuestAddress Start, ulong Length, GuestMemoryBacking Backing, ulong BackingOffset, SafeFileHandle File, bool Sealed);
