using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Hyperspan.UserFaults;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>
/// The kernel's record of which pages of a backing's mapping are written, by whomever: pages are protected against writing, and the kernel lifts the protection of a page at
/// its first write, unasked (userfaultfd(2), <c>UFFD_FEATURE_WP_ASYNC</c>). Those that are not protected have been written; listing them protects them again, each in one step.
/// </summary>
/// <remarks>
/// Pages that are not there need no protection: whatever brings them, a read too, brings them unprotected. For one thread at a time.
/// </remarks>
internal sealed unsafe class MappingWatch : IMappingWatch
{
    private const int MostRanges = 256;

    private readonly GuestMemoryBacking _backing;
    private readonly UserFaultDescriptor _faults;
    private readonly SafeFileHandle _pages;
    private readonly byte* _start;
    private readonly ulong _length;
    private readonly ulong _markedLength;

    /// <summary>Begins to watch. What was written before counts as written until <see cref="Take"/> has been called once.</summary>
    /// <exception cref="PlatformNotSupportedException">The kernel cannot do it, or this process may not ask.</exception>
    /// <exception cref="GuestMemoryMappingException">It cannot be done with this mapping: something else watches it.</exception>
    internal MappingWatch(GuestMemoryBacking backing)
    {
        _backing = backing;
        _start = backing.Mapping;

        // To the end of the last page, which is mapped as a whole; the guest's may end earlier.
        _length = PageMath.RoundUp(backing.Length, PageMath.HostPageSize);
        _markedLength = PageMath.RoundUp(backing.Length, PageMath.PageSize);
        _faults = UserFaultDescriptor.Create(
            LinuxConstants.UFFD_FEATURE_WP_ASYNC | LinuxConstants.UFFD_FEATURE_WP_HUGETLBFS_SHMEM, HyperspanAbility.WatchedMappings, "Linux 6.7");
        try
        {
            Register();
            _pages = File.OpenHandle("/proc/self/pagemap");
        }
        catch
        {
            _faults.Dispose();
            throw;
        }
    }

    /// <summary>Ends it. The protection goes with it.</summary>
    public void Dispose()
    {
        _pages.Dispose();
        _faults.Dispose();
    }

    /// <summary>
    /// Marks what has been written since the last time. What cannot be told, because the mapping was replaced meanwhile, is marked as a whole and watched from now on. Does
    /// nothing once the backing is disposed.
    /// </summary>
    public void Take(DirtyMap marks)
    {
        if (!_backing.TryBeginUse())
        {
            return;
        }

        try
        {
            if (!TryScan(marks))
            {
                Register();
                marks.Mark(0, _markedLength);

                // Protects what is there; it has just been marked.
                TryScan(marks);
            }
        }
        finally
        {
            _backing.EndUse();
        }
    }

    private void Register()
    {
        if (_faults.Register(_start, _length, LinuxConstants.UFFDIO_REGISTER_MODE_WP) is var error and not 0)
        {
            string? hint = error switch
            {
                ErrorNumber.Busy =>
                    "something else watches it: it is saved live, or restored on demand; start the log when that is over, "
                    + "or one of DirtyLogScope.Operations, which works beside it",
                ErrorNumber.NotPermitted => "a part of it is a file that is not open for writing",
                _ => null,
            };
            throw new GuestMemoryMappingException("watch the writes to", error, _backing.Name, (0, _length), hint);
        }
    }

    private bool TryScan(DirtyMap marks)
    {
        PageRange* ranges = stackalloc PageRange[MostRanges];
        ulong end = (ulong)_start + _length;
        var scan = new PageScan
        {
            Size = (ulong)sizeof(PageScan),
            Flags = LinuxConstants.PM_SCAN_WP_MATCHING | LinuxConstants.PM_SCAN_CHECK_WPASYNC,
            Start = (ulong)_start,
            End = end,
            Ranges = ranges,
            RangeCount = MostRanges,
            Required = LinuxConstants.PAGE_IS_WRITTEN,
            Reported = LinuxConstants.PAGE_IS_WRITTEN,
        };
        while (scan.Start < end)
        {
            // SAFETY: the structure is the kernel's struct pm_scan_arg and outlives the call; the ranges are on this stack, as many as it says.
            int count = LibC.Ioctl(_pages, LinuxConstants.PAGEMAP_SCAN, &scan);
            if (count < 0)
            {
                if (Marshal.GetLastPInvokeError() == ErrorNumber.Interrupted)
                {
                    continue;
                }

                return false;
            }

            for (int i = 0; i < count; i++)
            {
                ulong start = ranges[i].Start - (ulong)_start;
                marks.Mark(start, Math.Min(ranges[i].End - (ulong)_start, _markedLength) - start);
            }

            if (scan.Reached <= scan.Start)
            {
                return false;
            }

            scan.Start = scan.Reached;
        }

        return true;
    }
}
