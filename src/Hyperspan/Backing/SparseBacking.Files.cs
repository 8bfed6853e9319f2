using System.Globalization;

using Hyperspan.Guarding;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <content>Parts of files.</content>
public sealed unsafe partial class SparseBacking
{
    /// <summary>Maps a part of a file or memfd, shared, in place of whatever is mapped there.</summary>
    /// <param name="offset">The first byte here, a multiple of 4 KiB.</param>
    /// <param name="file">The file; on Windows a section too. It is needed during the call only; a descriptor of our own stays open while a part of the file is mapped.</param>
    /// <param name="fileOffset">The first byte in the file, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB. It may reach past the end of the file: pages there fault until the file grows. On Windows it may not.</param>
    /// <param name="writable">Whether it is mapped for writing; writes go to the file.</param>
    /// <exception cref="ArgumentNullException"><paramref name="file"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">One of the offsets or the length is not a multiple of 4 KiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end here, or past 2^63 in the file.</exception>
    /// <exception cref="InvalidOperationException">
    /// A page in the range is mapped and pinned; on Windows also one outside of it that belongs to the same part of a file as one in it.
    /// </exception>
    /// <exception cref="GuestMemoryMappingException">
    /// The system refused: the file is not open for the access, sealed against it, cannot be mapped at all, or is on huge pages and one of the numbers
    /// (the address of this mapping included: give it the alignment) is not a multiple of their size, or the pool has too few.
    /// </exception>
    /// <exception cref="PlatformNotSupportedException">There is no <see cref="HyperspanAbility.MappedFileParts"/> here.</exception>
    /// <exception cref="ObjectDisposedException">This mapping has been disposed.</exception>
    public void MapFile(ulong offset, SafeFileHandle file, ulong fileOffset, ulong length, bool writable)
    {
        const string Operation = "map a file at";
        PlatformAbilities.Demand(HyperspanAbility.MappedFileParts);
        ArgumentNullException.ThrowIfNull(file);
        PageMath.RequirePageAligned(fileOffset, nameof(fileOffset));
        ulong end = RequireHostPages(Operation, offset, length, fileOffset);
        if (fileOffset > long.MaxValue - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(fileOffset), string.Create(CultureInfo.InvariantCulture, $"fileOffset 0x{fileOffset:x} is past the end of the largest file."));
        }

        using var exclusive = new Exclusive(this);
        if (length == 0)
        {
            return;
        }

        foreach (MappingSegment segment in _table.In(offset, end))
        {
            RequireUnpinned(Operation, segment, offset, length);
        }

        RequireUndisturbed(Operation, offset, end);
        RequireMappings(Operation, offset, end);
        MappedFile mapped = MappedFile.Find(_table.Files, file);
        Protection protection = writable ? Protection.ReadWrite : Protection.Read;
        int error = _reservation.MapFile(offset, length, Bits(protection), isPrivate: false, mapped.Handle, fileOffset, out bool emptied);
        MarkWritten(offset, length);
        if (error != 0)
        {
            GuestMemoryMappingException failure = Failed(
                Operation, error, offset, length, emptied, FileRangeMapping.Hint(error, writable, isPrivate: false));
            _table.CloseUnusedFiles();
            throw failure;
        }

        _table.Set(new MappingSegment(offset, end, protection, mapped, fileOffset, writable));
    }

    /// <summary>Lists the parts of files that are mapped, whatever their protection is now. Private memory cannot be shared.</summary>
    /// <returns>A snapshot; the handle of a file is closed when no part of it is mapped any more.</returns>
    /// <exception cref="ObjectDisposedException">This mapping has been disposed.</exception>
    public override IReadOnlyList<ShareableRegion> GetShareableRegions()
    {
        using var exclusive = new Exclusive(this);
        List<ShareableRegion> regions = [];
        foreach (MappingSegment segment in _table.All)
        {
            if (segment.File is not { } file)
            {
                continue;
            }

            // Pages of different protection are different segments, and one region all the same.
            if (regions is [.., var last]
                && last.Handle == file.Handle
                && last.Writable == segment.Writable
                && last.Start + last.Length == segment.Start
                && last.FileOffset + last.Length == segment.FileOffset)
            {
                regions[^1] = last with { Length = segment.End - last.Start };
            }
            else
            {
                regions.Add(new ShareableRegion(segment.Start, segment.End - segment.Start, file.Handle, segment.FileOffset, segment.Writable));
            }
        }

        return regions;
    }
}
