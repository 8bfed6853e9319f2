using System.Diagnostics;

namespace Hyperspan;

/// <summary>
/// A backing's access bitmaps: one bit a page of 4 KiB, least significant bit of each byte first; a set bit lets the page be accessed through the mapping.
/// </summary>
/// <remarks>
/// The bitmaps must cover every page of the backing and stay valid for as long as anything refers to the backing. Whoever clears bits must call
/// <see cref="GuestMemory.SynchronizeRestrictions"/> before relying on it; setting bits needs no synchronization.
/// </remarks>
[DebuggerDisplay("page 0 is bit {BitOffset}")]
public readonly unsafe struct AccessBitmaps
{
    /// <summary>Initializes a new instance of the <see cref="AccessBitmaps"/> struct.</summary>
    /// <param name="readBitmap">The bitmap that reads are checked against.</param>
    /// <param name="writeBitmap">The bitmap that writes are checked against; it may be the same.</param>
    /// <param name="bitOffset">The bit that stands for the backing's first page, counted from bit 0 of the first byte.</param>
    public AccessBitmaps(byte* readBitmap, byte* writeBitmap, ulong bitOffset = 0)
    {
        ArgumentNullException.ThrowIfNull(readBitmap);
        ArgumentNullException.ThrowIfNull(writeBitmap);
        ReadBitmap = readBitmap;
        WriteBitmap = writeBitmap;
        BitOffset = bitOffset;
    }

    /// <summary>Gets the bitmap that reads are checked against.</summary>
    public byte* ReadBitmap { get; }

    /// <summary>Gets the bitmap that writes are checked against.</summary>
    public byte* WriteBitmap { get; }

    /// <summary>Gets the bit that stands for the backing's first page.</summary>
    public ulong BitOffset { get; }
}
