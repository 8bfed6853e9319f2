using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>A part of a guest's memory that another process can map, as vhost-user, a migration peer or a helper process is told of it.</summary>
/// <param name="Address">The guest-physical address of the first byte; in a slice, the address there.</param>
/// <param name="Length">The length in bytes.</param>
/// <param name="Handle">The file that holds the bytes. It belongs to the backing: duplicate it, or send it, rather than keeping it.</param>
/// <param name="FileOffset">Where in the file the part begins, in bytes.</param>
/// <param name="Writable">Whether the part may be written here.</param>
/// <remarks>The default value is no part: it has no bytes, and its handle is an invalid one.</remarks>
public readonly record struct SharedGuestRegion(GuestAddress Address, ulong Length, SafeFileHandle Handle, ulong FileOffset, bool Writable)
{
    private readonly SafeFileHandle? _handle = Handle;

    /// <summary>Gets the file that holds the bytes; it belongs to the backing.</summary>
    public SafeFileHandle Handle
    {
        get => _handle ?? new SafeFileHandle(-1, ownsHandle: false);
        init => _handle = value;
    }
}
