using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>
/// A part of a backing, or of a guest's memory, that another process can map: pass it the descriptor and the offset (vhost-user, KVM guest_memfd, a migration peer).
/// </summary>
/// <param name="Start">The first byte of the part: of a backing, in bytes from its start; of a memory, its guest-physical address there.</param>
/// <param name="Length">The length in bytes.</param>
/// <param name="Handle">
/// The file that holds the bytes. It belongs to the backing, which closes it when it is disposed (a sparse mapping: also when the part is unmapped);
/// duplicate it (by sending it, for instance) rather than keeping it.
/// </param>
/// <param name="FileOffset">Where in the file the part begins, in bytes.</param>
/// <param name="Writable">Whether the part is mapped for writing here. What the peer may do is decided by how the file was opened and by its seals.</param>
/// <remarks>The default value is no part: it has no bytes, and its handle is an invalid one.</remarks>
public readonly record struct ShareableRegion(ulong Start, ulong Length, SafeFileHandle Handle, ulong FileOffset, bool Writable)
{
    private readonly SafeFileHandle? _handle = Handle;

    /// <summary>Gets the file that holds the bytes; it belongs to the backing.</summary>
    public SafeFileHandle Handle
    {
        get => _handle ?? new SafeFileHandle(-1, ownsHandle: false);
        init => _handle = value;
    }
}
