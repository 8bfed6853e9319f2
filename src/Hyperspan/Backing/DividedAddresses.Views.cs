using System.Diagnostics;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Windows;
using Hyperspan.Synchronization;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <content>Views of files and sections.</content>
internal sealed unsafe partial class DividedAddresses
{
    /// <summary>Maps a part of a file or section in place of whatever a range holds. In between there is nothing.</summary>
    /// <param name="start">The first byte here.</param>
    /// <param name="end">The byte after the last.</param>
    /// <param name="protection">What the view is for.</param>
    /// <param name="file">The file or section. The view needs it no more; only to divide it, it is asked for again.</param>
    /// <param name="fileOffset">The first byte in it, a multiple of 4 KiB.</param>
    /// <param name="emptied">Whether it failed when what was there had gone.</param>
    /// <returns>Zero or the error.</returns>
    internal int MapFile(ulong start, ulong end, PageProtection protection, SafeFileHandle file, ulong fileOffset, out bool emptied)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            emptied = false;
            var view = new DividedPart(start, end, DividedPartKind.View, file, fileOffset, protection, protection);
            using Source source = Source.Open(view, out int error);
            if (error != 0)
            {
                return error;
            }

            error = Vacate(start, end, out emptied);
            if (error == 0)
            {
                error = Attach(view, source);
                emptied = error != 0;
            }

            if (emptied)
            {
                _ = Empty(start, end);
            }

            return error;
        }
    }

    /// <summary>Makes one placeholder of a range.</summary>
    private int Vacate(ulong start, ulong end, out bool changed)
    {
        changed = false;
        foreach (DividedPart part in In(start, end))
        {
            int error = 0;
            if (part.Kind == DividedPartKind.View)
            {
                error = Detach(part.Start, part.End);
            }
            else if (part.Kind == DividedPartKind.Private)
            {
                // SAFETY: inside one allocation of ours. What of it lies outside remains as it is.
                if (Kernel32.VirtualFree(_address + part.Start, (nuint)(part.End - part.Start), FreeType.Release | FreeType.PreservePlaceholder))
                {
                    Set(new DividedPart(part.Start, part.End, DividedPartKind.Vacant));
                }
                else
                {
                    error = Marshal.GetLastPInvokeError();
                }
            }

            if (error != 0)
            {
                changed |= part.Kind == DividedPartKind.View;
                return error;
            }

            changed = true;
        }

        return Isolate(start, end);
    }

    /// <summary>
    /// Makes placeholders of the parts of one view that lie in a range, and maps the rest of it again: each run of pages as its protection is, so that no page can be accessed
    /// in between that could not before.
    /// </summary>
    private int Detach(ulong start, ulong end)
    {
        DividedPart view = _parts[IndexOf(start)];
        Debug.Assert(view.Kind == DividedPartKind.View && end <= view.End, "a part of one view");
        List<DividedPart> rest = [];
        AddRuns(rest, view, view.Start, start);
        AddRuns(rest, view, end, view.End);
        if (rest.Count > 0 && view.Most == PageProtection.WriteCopy)
        {
            // What was written to it lies nowhere else.
            return WindowsError.NotSupported;
        }

        int error = 0;
        using Source? source = rest.Exists(static run => run.IsMappedView) ? Source.Open(view, out error) : null;
        if (error != 0)
        {
            return error;
        }

        // SAFETY: a view of ours.
        if (view.IsMappedView && !KernelBase.UnmapViewOfFile2(Kernel32.CurrentProcess, _address + view.Start, UnmapOptions.PreservePlaceholder))
        {
            return Marshal.GetLastPInvokeError();
        }

        Set(new DividedPart(view.Start, view.End, DividedPartKind.Vacant));
        foreach (DividedPart run in rest)
        {
            int failed = Attach(run, source);
            error = error == 0 ? failed : error;
        }

        return error;
    }

    /// <summary>Maps a part of a view again that is to permit more than it was mapped for.</summary>
    private int Remap(in DividedPart part, PageProtection protection)
    {
        DividedPart wanted = part with { Mapped = protection };
        using Source source = Source.Open(wanted, out int error);
        if (error != 0)
        {
            return error;
        }

        error = Detach(part.Start, part.End);
        int failed = Attach(wanted, source);
        return error == 0 ? failed : error;
    }

    /// <summary>Lists the runs of pages of a view in a range that have the same protection, each as a view of its own.</summary>
    private void AddRuns(List<DividedPart> runs, in DividedPart view, ulong start, ulong end)
    {
        while (start < end)
        {
            MemoryInformation pages = default;
            PageProtection protection = PageProtection.NoAccess;
            ulong stop = end;
            if (view.IsMappedView && Kernel32.VirtualQuery(_address + start, &pages, (nuint)sizeof(MemoryInformation)) != 0)
            {
                protection = pages.Protection & ~PageProtection.Guard;
                stop = Math.Min(end, start + (ulong)((pages.Start + pages.Length) - (_address + start)));
            }

            runs.Add(view.Slice(start, stop) with { Mapped = protection });
            start = stop;
        }
    }

    /// <summary>Maps a view in the place of placeholders. Where nothing is to be accessible, one remains.</summary>
    private int Attach(in DividedPart view, Source? source)
    {
        int error = Isolate(view.Start, view.End);
        if (error != 0)
        {
            return error;
        }

        if (view.IsMappedView)
        {
            Debug.Assert(source is not null, "opened by the caller");
            ulong length = view.End - view.Start;
            ulong there = source.LengthOf(view);

            // SAFETY: a placeholder of ours. A file that ends within the last page is taken to its end by some systems, and to the end of that page by others.
            if (Map(view, source.Section, there) is null && (there == length || Map(view, source.Section, length) is null))
            {
                return Marshal.GetLastPInvokeError();
            }
        }

        Set(view);
        return 0;
    }

    private byte* Map(in DividedPart view, SafeFileHandle section, ulong length) => KernelBase.MapViewOfFile3(
        section, Kernel32.CurrentProcess, _address + view.Start, view.FileOffset, (nuint)length, AllocationType.ReplacePlaceholder, view.Mapped, null, 0);

    /// <summary>A section of what is to be mapped, and a view of that elsewhere: what is wrong with it shows before anything is replaced.</summary>
    private sealed class Source : IDisposable
    {
        private readonly bool _isOwn;
        private readonly ulong _fileLength;
        private byte* _trial;

        private Source(SafeFileHandle section, bool isOwn, ulong fileLength)
        {
            Section = section;
            _isOwn = isOwn;
            _fileLength = fileLength;
        }

        internal SafeFileHandle Section { get; }

        public void Dispose()
        {
            if (_trial is not null)
            {
                // SAFETY: mapped by this object, known to nobody else.
                _ = Kernel32.UnmapViewOfFile(_trial);
            }

            if (_isOwn)
            {
                Section.Dispose();
            }
        }

        /// <summary>Opens what a view is of. With an error it is good for nothing but to be disposed.</summary>
        internal static Source Open(in DividedPart view, out int error)
        {
            PageProtection protection = view.Most;
            error = 0;
            SafeFileHandle section = Kernel32.CreateFileMapping(view.File!, null, protection, 0, 0, null);
            int refused = section.IsInvalid ? Marshal.GetLastPInvokeError() : 0;
            Source source;
            if (refused == 0)
            {
                source = new Source(section, isOwn: true, (ulong)RandomAccess.GetLength(view.File!));
            }
            else
            {
                // It may be a section itself.
                section.Dispose();
                source = new Source(view.File!, isOwn: false, ulong.MaxValue);
                error = refused == WindowsError.InvalidHandle ? 0 : refused;
            }

            if (error == 0)
            {
                error = source.Try(view);
            }

            return source;
        }

        /// <summary>How much of a view there is: all of it, or to the end of the file within its last page.</summary>
        internal ulong LengthOf(in DividedPart view) =>
            Math.Min(view.End - view.Start, _fileLength < view.FileOffset ? 0 : _fileLength - view.FileOffset);

        private int Try(in DividedPart view)
        {
            ulong length = LengthOf(view);
            if (PageMath.RoundUp(length, PageMath.PageSize) < view.End - view.Start)
            {
                return WindowsError.EndOfFile;
            }

            ulong lead = view.FileOffset % AddressReservation.AllocationGranularity;
            ulong from = view.FileOffset - lead;
            ViewAccess access = view.Most switch
            {
                PageProtection.ReadOnly => ViewAccess.Read,
                PageProtection.WriteCopy => ViewAccess.Copy,
                _ => ViewAccess.Write,
            };

            _trial = Kernel32.MapViewOfFileEx(Section, access, (uint)(from >> 32), (uint)from, (nuint)(lead + length), null);
            return _trial is null ? Marshal.GetLastPInvokeError() : 0;
        }
    }
}
