using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <summary>
/// Which parts of a backing can hold anything but zeros, as far as the kernel tells without looking at a byte: the data of a file, the private pages that there are.
/// Where it does not tell, all of it.
/// </summary>
internal sealed unsafe class PresentPages : IDisposable
{
    private const int EntriesAtOnce = 512;
    private const ulong PresentOrSwapped = 3UL << 62;

    private readonly GuestMemoryBacking _backing;
    private readonly IReadOnlyList<ShareableRegion> _files;
    private readonly SafeFileHandle? _pageMap;

    // The kernel has an entry for each of its own pages.
    private readonly int _pageShift = PageMath.HostPageShift;
    private readonly ulong[] _entries = new ulong[EntriesAtOnce];
    private ulong _entriesFrom = ulong.MaxValue;
    private int _entryCount;

    internal PresentPages(GuestMemoryBacking backing)
    {
        _backing = backing;
        _files = backing.GetShareableRegions();

        // Only of backings whose missing pages are known to be zeros: behind others a handler may have something, or who serves faults that block.
        if (OperatingSystem.IsLinux() && backing is HeapBacking or SparseBacking { FaultBehavior: FaultBehavior.MayFault } && backing.Mapping != null)
        {
            int descriptor = LibC.Open("/proc/self/pagemap", OpenFlags.ReadOnly | OpenFlags.CloseOnExec);
            _pageMap = descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
        }
    }

    public void Dispose() => _pageMap?.Dispose();

    /// <summary>Finds the first part from an offset on.</summary>
    /// <param name="offset">Where to begin, in bytes from the start of the backing.</param>
    /// <param name="end">Where to stop looking.</param>
    /// <param name="start">The first byte of the part.</param>
    /// <param name="stop">The byte after its last; after <paramref name="start"/>.</param>
    /// <returns>Whether there is one.</returns>
    internal bool TryNext(ulong offset, ulong end, out ulong start, out ulong stop)
    {
        while (offset < end)
        {
            bool found = IsInFile(offset, end, out ShareableRegion file, out ulong until)
                ? TryNextInFile(file, offset, until, out start, out stop)
                : TryNextPrivate(offset, until, out start, out stop);
            if (found)
            {
                return true;
            }

            offset = until;
        }

        (start, stop) = (0, 0);
        return false;
    }

    /// <summary>Whether an offset lies in a part of a file, and where what it lies in ends.</summary>
    private bool IsInFile(ulong offset, ulong end, out ShareableRegion file, out ulong until)
    {
        until = end;
        foreach (ShareableRegion part in _files)
        {
            if (part.Start > offset)
            {
                until = Math.Min(end, part.Start);
                break;
            }

            if (offset - part.Start < part.Length)
            {
                until = Math.Min(end, part.Start + part.Length);
                file = part;
                return true;
            }
        }

        file = default;
        return false;
    }

    /// <summary>Finds the first part that is data, as <see cref="TryNext"/> does, in one file.</summary>
    internal static bool TryNextInFile(in ShareableRegion file, ulong offset, ulong until, out ulong start, out ulong stop)
    {
        (start, stop) = (offset, until);
        try
        {
            long at = (long)(file.FileOffset + (offset - file.Start));
            long data = LibC.Lseek(file.Handle, at, SeekFrom.Data);
            if (data < 0)
            {
                // Nothing but a hole up to the end; whatever else is wrong, all is looked at.
                return Marshal.GetLastPInvokeError() != ErrorNumber.NoAddress;
            }

            ulong first = offset + (ulong)(data - at);
            if (data < at || first >= until)
            {
                return data < at;
            }

            start = first;
            long hole = LibC.Lseek(file.Handle, data, SeekFrom.Hole);
            if (hole > data)
            {
                stop = Math.Min(until, first + (ulong)(hole - data));
            }

            return true;
        }
        catch (ObjectDisposedException)
        {
            // Unmapped meanwhile: reading will tell.
            return true;
        }
    }

    private bool TryNextPrivate(ulong offset, ulong until, out ulong start, out ulong stop)
    {
        (start, stop) = (offset, until);
        if (_pageMap is null)
        {
            return true;
        }

        ulong page = offset >> _pageShift;
        ulong last = (until - 1) >> _pageShift;
        while (page <= last && !IsPresent(page))
        {
            page++;
        }

        if (page > last)
        {
            return false;
        }

        start = Math.Max(offset, page << _pageShift);
        while (page <= last && IsPresent(page))
        {
            page++;
        }

        stop = Math.Min(until, page << _pageShift);
        return true;
    }

    private bool IsPresent(ulong page)
    {
        if (page - _entriesFrom >= (ulong)_entryCount)
        {
            _entriesFrom = page;
            ulong virtualPage = ((ulong)_backing.Mapping >> _pageShift) + page;
            int read = RandomAccess.Read(_pageMap!, MemoryMarshal.AsBytes(_entries.AsSpan()), (long)(virtualPage * sizeof(ulong)));
            _entryCount = read / sizeof(ulong);
            if (_entryCount == 0)
            {
                return true;
            }
        }

        return (_entries[page - _entriesFrom] & PresentOrSwapped) != 0;
    }
}
