using Hyperspan.VhostUser;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Testing;

/// <summary>A region of memory that a front end shares, and the file that holds it.</summary>
/// <remarks>The default value is a region of no bytes, in an invalid file.</remarks>
public readonly record struct VhostUserSharedMemory
{
    private readonly SafeFileHandle? _file;

    /// <summary>Initializes a new instance of the <see cref="VhostUserSharedMemory"/> struct.</summary>
    /// <param name="region">Where it lies.</param>
    /// <param name="file">The file. It stays the caller's.</param>
    public VhostUserSharedMemory(VhostUserMemoryRegion region, SafeFileHandle file)
    {
        Region = region;
        _file = file;
    }

    /// <summary>Gets where it lies.</summary>
    public VhostUserMemoryRegion Region { get; }

    /// <summary>Gets the file. It stays the caller's.</summary>
    public SafeFileHandle File => _file ?? new SafeFileHandle(-1, ownsHandle: false);

    /// <summary>Describes a part of a backing that is a file, as a region at a guest-physical address.</summary>
    /// <param name="guestAddress">The guest-physical address of the first byte.</param>
    /// <param name="backing">The backing: shared memory, or another one with a single shareable region.</param>
    /// <param name="offset">The first byte of the backing to share.</param>
    /// <param name="length">How many bytes to share; all from <paramref name="offset"/> on where it is <see langword="null"/>.</param>
    /// <returns>The region, with the address of the backing's mapping as user address.</returns>
    /// <exception cref="ArgumentException">The part is not in the backing, or the backing is not one file.</exception>
    public static unsafe VhostUserSharedMemory Of(GuestAddress guestAddress, GuestMemoryBacking backing, ulong offset = 0, ulong? length = null)
    {
        ArgumentNullException.ThrowIfNull(backing);
        if (backing.GetShareableRegions() is not [{ Start: 0 } whole])
        {
            throw new ArgumentException($"The backing '{backing.Name}' is not one file.", nameof(backing));
        }

        if (offset > whole.Length || length > whole.Length - offset)
        {
            throw new ArgumentException($"The part is not in the backing '{backing.Name}'.", nameof(offset));
        }

        var region = new VhostUserMemoryRegion(
            guestAddress.Value, length ?? (whole.Length - offset), (ulong)backing.Mapping + offset, whole.FileOffset + offset);
        return new VhostUserSharedMemory(region, whole.Handle);
    }
}
