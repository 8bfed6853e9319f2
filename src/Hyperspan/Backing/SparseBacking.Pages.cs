using Hyperspan.Interop.Linux;

namespace Hyperspan;

/// <content>Properties of pages that are mapped.</content>
public sealed unsafe partial class SparseBacking
{
    private static readonly Version FirstWithPopulate = new(5, 14);

    /// <summary>Changes what the processor may do with pages that are mapped.</summary>
    /// <param name="offset">The first byte, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB.</param>
    /// <param name="protection">The protection. On x86-64, a page that can be written can be read too.</param>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of 4 KiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    /// <exception cref="InvalidOperationException">A page in the range is not mapped, or would get less protection and is pinned.</exception>
    /// <exception cref="GuestMemoryMappingException">
    /// The system refused: a file that is not open for writing, on Windows also one that was not mapped for it, cannot be made writable.
    /// </exception>
    /// <exception cref="ObjectDisposedException">This mapping has been disposed.</exception>
    public void Protect(ulong offset, ulong length, Protection protection)
    {
        const string Operation = "protect";
        ulong end = RequireHostPages(Operation, offset, length);
        protection = protection with { CanExecute = false };
        using var exclusive = new Exclusive(this);
        if (length == 0)
        {
            return;
        }

        if (_table.FirstHole(offset, end) is { } hole)
        {
            throw new InvalidOperationException(
                Describe(Operation, offset, length) + $": page {hole >> PageMath.PageShift} is not mapped; commit it instead.");
        }

        List<MappingSegment> before = _table.In(offset, end);
        foreach (MappingSegment segment in before)
        {
            if (IsReduced(segment.Protection, protection))
            {
                RequireUnpinned(Operation, segment, offset, length);
            }
        }

        RequireUndisturbed(Operation, offset, end, protection);
        RequireMappings(Operation, offset, end);
        int error = _reservation.Protect(offset, length, Bits(protection));
        if (error != 0)
        {
            RestoreProtection(offset, end);
            string? hint = OperatingSystem.IsWindows() ? WindowsProtectHint(error)
                : error == ErrorNumber.AccessDenied ? "a file in the range is not open for writing" : null;
            throw Failed(Operation, error, offset, length, emptied: false, hint);
        }

        foreach (MappingSegment segment in before)
        {
            _table.Set(segment with { Protection = protection });
        }
    }

    /// <summary>
    /// Advises on transparent huge pages for a range, other than the mapping was made with. The advice lasts until the range is unmapped, decommitted or mapped
    /// to something else; <see cref="HugePageAdvice.Default"/> leaves things as they are. A kernel without such pages ignores it.
    /// </summary>
    /// <param name="offset">The first byte, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB.</param>
    /// <param name="advice">The advice.</param>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of 4 KiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    /// <exception cref="ObjectDisposedException">This mapping has been disposed.</exception>
    public void AdviseHugePages(ulong offset, ulong length, HugePageAdvice advice)
    {
        ulong end = RequireRange(offset, length);
        ulong start = PageMath.RoundDown(offset, PageMath.HostPageSize);
        using var exclusive = new Exclusive(this);
        _reservation.AdviseHugePages(start, length == 0 ? 0 : end - start, advice);
    }

    /// <summary>Takes the pages of a range from the system, or reads them from their file, at once rather than at their first access.</summary>
    /// <param name="offset">The first byte, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB.</param>
    /// <param name="access">The access to prepare for. For private memory only <see cref="AccessType.Write"/> takes memory; reads are served by a page of zeros.</param>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of 4 KiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    /// <exception cref="GuestMemoryMappingException">
    /// A page in the range is reserved, does not permit the access or is past the end of its file, or the system has no more memory. Pages before it may have been taken.
    /// </exception>
    /// <exception cref="PlatformNotSupportedException">The kernel is older than 5.14 (<c>MADV_POPULATE_READ</c>, madvise(2)).</exception>
    /// <exception cref="ObjectDisposedException">This mapping has been disposed.</exception>
    /// <remarks>It may take long, and other operations on this mapping go on meanwhile.</remarks>
    public void Prefault(ulong offset, ulong length, AccessType access)
    {
        ulong end = RequireRange(offset, length);
        ulong start = PageMath.RoundDown(offset, PageMath.HostPageSize);
        BeginUse();
        try
        {
            MemoryAdvice advice = access == AccessType.Write ? MemoryAdvice.PopulateWrite : MemoryAdvice.PopulateRead;
            int error = length == 0 ? 0 : _reservation.Advise(start, end - start, advice);
            if (error == ErrorNumber.InvalidArgument && Environment.OSVersion.Version < FirstWithPopulate)
            {
                throw new PlatformNotSupportedException("Prefaulting needs Linux 5.14 (MADV_POPULATE_READ and MADV_POPULATE_WRITE).");
            }

            if (error != 0)
            {
                throw new GuestMemoryMappingException("prefault", error, Name, (offset, length), PopulateHint(error));
            }
        }
        finally
        {
            EndUse();
        }
    }

    private static string? WindowsProtectHint(int error) =>
        error == Interop.Windows.WindowsError.AccessDenied ? "a part of a file in the range was not mapped for writing, and Windows does not let it become writable" : null;

    private static string? PopulateHint(int error) => error switch
    {
        ErrorNumber.NoMemory => "a page is not mapped, or there is no memory",
        ErrorNumber.BadAddress => "a page is past the end of its file, or does not permit the access",
        ErrorNumber.InvalidArgument => "a page does not permit the access",
        _ => null,
    };
}
