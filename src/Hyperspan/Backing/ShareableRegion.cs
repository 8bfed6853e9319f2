using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>
/// A part of a backing, or of a guest's memory, that another process can map: pass it the descriptor and the offset (vhost-user, KVM guest_memfd, a migration peer).
/// </summary>
/// <remarks>The default value is no part: it has no bytes, and its handle is an invalid one.</remarks>
public readonly record struct ShareableRegion
{
    private readonly SafeFileHandle? _handle;

    /// <summary>Initializes a new instance of the <see cref="ShareableRegion"/> struct.</summary>
    /// <param name="start">The first byte of the part: of a backing, in bytes from its start; of a memory, its guest-physical address there.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="handle">
    /// The file that holds the bytes. It belongs to the backing, which closes it when it is disposed (a sparse mapping: also when the part is unmapped);
    /// duplicate it (by sending it, for instance) rather than keeping it.
    /// </param>
    /// <param name="fileOffset">Where in the file the part begins, in bytes.</param>
    /// <param name="writable">Whether the part is mapped for writing here. What the peer may do is decided by how the file was opened and by its seals.</param>
    public ShareableRegion(ulong start, ulong length, SafeFileHandle handle, ulong fileOffset, bool writable)
    {
        Start = start;
        Length = length;
        _handle = handle;
        FileOffset = fileOffset;
        Writable = writable;
    }

    /// <summary>Gets the first byte of the part: of a backing, in bytes from its start; of a memory, its guest-physical address there.</summary>
    public ulong Start { get; }

    /// <summary>Gets the length in bytes.</summary>
    public ulong Length { get; internal init; }

    /// <summary>
    /// Gets the file that holds the bytes. It belongs to the backing, which closes it when it is disposed (a sparse mapping: also when the part is unmapped);
    /// duplicate it (by sending it, for instance) rather than keeping it.
    /// </summary>
    public SafeFileHandle Handle => _handle ?? new SafeFileHandle(-1, ownsHandle: false);

    /// <summary>Gets where in the file the part begins, in bytes.</summary>
    public ulong FileOffset { get; }

    /// <summary>Gets a value indicating whether the part is mapped for writing here. What the peer may do is decided by how the file was opened and by its seals.</summary>
    public bool Writable { get; }
}
