namespace Hyperspan;

/// <content>Private memory and zero pages.</content>
public sealed unsafe partial class SparseBacking
{
    /// <summary>Puts private, readable and writable memory in a range; see <see cref="Commit(ulong, ulong, Protection)"/>.</summary>
    /// <param name="offset">The first byte, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB.</param>
    /// <inheritdoc cref="Commit(ulong, ulong, Protection)" path="/exception"/>
    public void Commit(ulong offset, ulong length) => Commit(offset, length, Protection.ReadWrite);

    /// <summary>
    /// Puts private memory in a range. Pages that have private memory already keep their contents and only get the protection;
    /// reserved pages get zeros, and so do pages of a file, whose mapping is replaced. So several threads may commit the same page.
    /// </summary>
    /// <param name="offset">The first byte, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB.</param>
    /// <param name="protection">What the processor may do with the pages.</param>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of 4 KiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    /// <exception cref="InvalidOperationException">A page that maps a file, or that would get less protection, is pinned.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused. Mappings of files in the range may have been replaced by zeros.</exception>
    /// <exception cref="ObjectDisposedException">This mapping has been disposed.</exception>
    public void Commit(ulong offset, ulong length, Protection protection)
    {
        const string Operation = "commit";
        ulong end = RequireHostPages(Operation, offset, length);
        protection = protection with { CanExecute = false };
        using var exclusive = new Exclusive(this);
        if (length == 0)
        {
            return;
        }

        List<MappingSegment> before = _table.In(offset, end);
        if (before is [{ File: null } only] && only.Start == offset && only.End == end && only.Protection == protection)
        {
            return;
        }

        foreach (MappingSegment segment in before)
        {
            if (segment.File is not null || IsReduced(segment.Protection, protection))
            {
                RequireUnpinned(Operation, segment, offset, length);
            }

            if (segment.File is not null)
            {
                RequireUndisturbed(Operation, segment.Start, segment.End);
            }
        }

        RequireMappings(Operation, offset, end);
        foreach (MappingSegment segment in before)
        {
            if (segment.File is not null)
            {
                ReplaceByPrivate(Operation, segment.Start, segment.End - segment.Start, protection);
            }
        }

        // Reserved pages are private memory that only lacks permission: granting it makes them zeros, and cannot fail half-way into a hole. On Windows they are committed.
        int error = _reservation.Grant(offset, length, Bits(protection));
        if (error != 0)
        {
            RestoreProtection(offset, end);
            throw Failed(Operation, error, offset, length, emptied: false);
        }

        _table.Set(new MappingSegment(offset, end, protection));
    }

    /// <summary>
    /// Gives private memory (and zero pages) back to the system: contents are lost, the pages are reserved again. Pages reserved already are left alone.
    /// </summary>
    /// <param name="offset">The first byte, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB.</param>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of 4 KiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    /// <exception cref="InvalidOperationException">A page in the range is pinned, or maps a file: use <see cref="Unmap"/>.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused.</exception>
    /// <exception cref="ObjectDisposedException">This mapping has been disposed.</exception>
    public void Decommit(ulong offset, ulong length) => Remove("decommit", offset, length, filesToo: false);

    /// <summary>Takes whatever is mapped in a range away: the pages are reserved again, and accesses to them fault. Pages reserved already are left alone.</summary>
    /// <param name="offset">The first byte, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB.</param>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of 4 KiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    /// <exception cref="InvalidOperationException">A page in the range is pinned.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused; of a file on huge pages, only whole huge pages can be unmapped.</exception>
    /// <exception cref="ObjectDisposedException">This mapping has been disposed.</exception>
    public void Unmap(ulong offset, ulong length) => Remove("unmap", offset, length, filesToo: true);

    /// <summary>
    /// Puts read-only zeros in a range, in place of whatever is mapped there: reads give zeros and take no memory, writes fault.
    /// <see cref="Commit(ulong, ulong)"/> makes such pages writable.
    /// </summary>
    /// <param name="offset">The first byte, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB.</param>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of 4 KiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    /// <exception cref="InvalidOperationException">A page in the range is mapped and pinned.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused.</exception>
    /// <exception cref="ObjectDisposedException">This mapping has been disposed.</exception>
    public void MapZero(ulong offset, ulong length)
    {
        const string Operation = "map zeros at";
        ulong end = RequireHostPages(Operation, offset, length);
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
        ReplaceByPrivate(Operation, offset, length, Protection.Read);
    }

    private void ReplaceByPrivate(string operation, ulong offset, ulong length, Protection protection)
    {
        int error = _reservation.MapAnonymous(offset, length, Bits(protection), noReserve: true, out bool emptied);
        MarkWritten(offset, length);
        if (error != 0)
        {
            throw Failed(operation, error, offset, length, emptied);
        }

        _table.Set(new MappingSegment(offset, offset + length, protection));
        SetName(offset, length);
    }

    private void Remove(string operation, ulong offset, ulong length, bool filesToo)
    {
        ulong end = RequireHostPages(operation, offset, length);
        using var exclusive = new Exclusive(this);
        if (length == 0)
        {
            return;
        }

        List<MappingSegment> before = _table.In(offset, end);
        foreach (MappingSegment segment in before)
        {
            if (segment.File is not null && !filesToo)
            {
                throw new InvalidOperationException(Describe(operation, offset, length) + $": page {segment.Start >> PageMath.PageShift} maps a file; unmap it instead.");
            }

            RequireUnpinned(operation, segment, offset, length);
        }

        if (before.Count == 0)
        {
            return;
        }

        RequireUndisturbed(operation, offset, end);
        RequireMappings(operation, offset, end);
        int error = _reservation.MapAnonymous(offset, length, Interop.Linux.MappingProtection.None, noReserve: true, out bool emptied);
        MarkWritten(offset, length);
        if (error != 0)
        {
            throw Failed(operation, error, offset, length, emptied);
        }

        _table.Clear(offset, end);
        SetName(offset, length);
        MappingBudget.NoteGivenBack();
    }
}
