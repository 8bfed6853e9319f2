using Hyperspan.Guarding;
using Hyperspan.Interop.Windows;
using Hyperspan.Tests.Infrastructure;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

/// <summary>Parts of files and sections among private memory, on a Windows that has placeholders: a view goes as a whole, and nobody is to notice.</summary>
public sealed unsafe class WindowsFilePartsTests : IDisposable
{
    private const ulong Page = 4096;
    private readonly TemporaryFile _file = new(0);

    public void Dispose() => _file.Dispose();

    [FilePartsFact]
    public void Parts_lie_at_any_page_and_what_is_beside_them_stays()
    {
        using SafeFileHandle file = Numbered(64);
        using var sparse = new SparseBacking(48 * Page);
        sparse.Commit(0, 48 * Page);
        for (ulong page = 0; page < 48; page++)
        {
            sparse.Mapping[page * Page] = (byte)(200 - page);
        }

        // Neither the place nor the offset is a multiple of 64 KiB.
        sparse.MapFile(5 * Page, file, 19 * Page, 6 * Page, writable: true);
        sparse.MapFile(20 * Page, file, 3 * Page, 17 * Page, writable: false);
        for (ulong page = 0; page < 48; page++)
        {
            int expected = page is >= 5 and < 11 ? (int)(page + 14) : page is >= 20 and < 37 ? (int)(page - 17) : (int)(200 - page);
            ((int)sparse.Mapping[page * Page]).ShouldBe(expected, $"page {page}");
            Access(sparse, page).ShouldBe(page is >= 20 and < 37 ? "r-" : "rw", $"page {page}");
        }

        sparse.Mapping[(6 * Page) + 7] = 99;
        byte[] one = new byte[1];
        RandomAccess.Read(file, one, (20 * (int)Page) + 7).ShouldBe(1);
        one[0].ShouldBe((byte)99);
        sparse.GetShareableRegions().Select(region => (region.Start / Page, region.Length / Page, region.FileOffset / Page, region.Writable))
            .ShouldBe([(5UL, 6UL, 19UL, true), (20UL, 17UL, 3UL, false)]);
    }

    [FilePartsFact]
    public void Of_a_part_that_is_unmapped_in_the_middle_the_rest_stays_with_its_protection()
    {
        using SafeFileHandle file = Numbered(64);
        using var sparse = new SparseBacking(32 * Page);
        sparse.MapFile(2 * Page, file, 1 * Page, 20 * Page, writable: true);
        sparse.Protect(4 * Page, 2 * Page, Protection.Read);
        sparse.Protect(15 * Page, 2 * Page, Protection.None);
        sparse.Unmap(9 * Page, 3 * Page);
        string[] expected = [.. Enumerable.Range(0, 32).Select(page => page switch
        {
            < 2 or >= 22 or (>= 9 and < 12) or 15 or 16 => "--",
            4 or 5 => "r-",
            _ => "rw",
        })];
        Enumerable.Range(0, 32).Select(page => Access(sparse, (ulong)page)).ShouldBe(expected);
        sparse.Mapping[8 * Page].ShouldBe((byte)7);
        sparse.Mapping[12 * Page].ShouldBe((byte)11);

        // What was left without access, or with less, can be given it back.
        sparse.Protect(12 * Page, 10 * Page, Protection.ReadWrite);
        sparse.Protect(2 * Page, 7 * Page, Protection.ReadWrite);
        for (ulong page = 2; page < 22; page++)
        {
            Access(sparse, page).ShouldBe(page is >= 9 and < 12 ? "--" : "rw", $"page {page}");
            if (page is < 9 or >= 12)
            {
                sparse.Mapping[page * Page].ShouldBe((byte)(page - 1));
            }
        }

        sparse.Commit(0, 32 * Page);
        sparse.Mapping[8 * Page].ShouldBe((byte)0);
        sparse.GetShareableRegions().ShouldBeEmpty();
    }

    [FilePartsFact]
    public void Sections_are_mapped_as_files_are()
    {
        using var shared = new SharedBacking(32 * Page);
        using var sparse = new SparseBacking(32 * Page);
        sparse.MapFile(3 * Page, shared.Handle, 5 * Page, 4 * Page, writable: true);
        sparse.Unmap(4 * Page, Page);
        sparse.MapFile(9 * Page, shared.Handle, 5 * Page, Page, writable: false);
        sparse.Mapping[3 * Page] = 42;
        shared.Mapping[5 * Page].ShouldBe((byte)42);
        sparse.Mapping[9 * Page].ShouldBe((byte)42);
        shared.Mapping[8 * Page] = 43;
        sparse.Mapping[6 * Page].ShouldBe((byte)43);
        sparse.GetShareableRegions().Select(region => region.Handle).Distinct().Count().ShouldBe(1, "one handle an object");
        Should.Throw<GuestMemoryMappingException>(() => sparse.MapFile(0, shared.Handle, 30 * Page, 3 * Page, writable: false)).Message.ShouldContain("shorter");
        Should.Throw<GuestMemoryMappingException>(() => sparse.MapFile(0, shared.Handle, 40 * Page, Page, writable: false)).Message.ShouldContain("past the end");
        sparse.Mapping[6 * Page].ShouldBe((byte)43);
    }

    [FilePartsFact]
    public void A_file_that_ends_within_its_last_page_is_mapped_to_the_end_of_that()
    {
        using SafeFileHandle file = Numbered(3);
        RandomAccess.Write(file, new byte[] { 77 }, (3 * (int)Page) + 99);
        using var sparse = new SparseBacking(8 * Page);
        sparse.MapFile(2 * Page, file, Page, 3 * Page, writable: true);
        sparse.Mapping[(4 * Page) + 99].ShouldBe((byte)77);
        sparse.Mapping[(5 * Page) - 1].ShouldBe((byte)0);
        sparse.Unmap(2 * Page, Page);
        sparse.Mapping[(4 * Page) + 99].ShouldBe((byte)77);
    }

    [FilePartsFact]
    public void What_cannot_be_mapped_is_refused_and_changes_nothing()
    {
        using SafeFileHandle file = Numbered(4);
        using var sparse = new SparseBacking(16 * Page, new SparseBackingOptions { Name = "ram" });
        sparse.Commit(0, 2 * Page);
        sparse.Mapping[Page] = 5;
        GuestMemoryMappingException refused = Should.Throw<GuestMemoryMappingException>(() => sparse.MapFile(0, file, 2 * Page, 3 * Page, writable: true));
        refused.ErrorName.ShouldBe("ERROR_HANDLE_EOF");
        refused.Message.ShouldStartWith("'ram': cannot map a file at 0x0-0x3000: ERROR_HANDLE_EOF (");
        refused.Message.ShouldEndWith("; the file ends before, and Windows maps no pages past the end");
        using SafeFileHandle reader = File.OpenHandle(_file.Path, share: FileShare.ReadWrite);
        Should.Throw<GuestMemoryMappingException>(() => sparse.MapFile(0, reader, 0, Page, writable: true)).ErrorName.ShouldBe("ERROR_ACCESS_DENIED");
        using var empty = new TemporaryFile(0);
        using SafeFileHandle nothing = File.OpenHandle(empty.Path, access: FileAccess.ReadWrite);
        Should.Throw<GuestMemoryMappingException>(() => sparse.MapFile(0, nothing, 0, Page, writable: true)).Message.ShouldEndWith("; the file is empty");
        Should.Throw<ArgumentException>(() => sparse.MapFile(0, file, 5, Page, writable: false));
        sparse.Mapping[Page].ShouldBe((byte)5);
        sparse.GetShareableRegions().ShouldBeEmpty();

        sparse.MapFile(4 * Page, file, 0, 2 * Page, writable: false);
        sparse.Protect(0, 2 * Page, Protection.Read);
        sparse.Commit(2 * Page, 2 * Page, Protection.Read);
        Should.Throw<GuestMemoryMappingException>(() => sparse.Protect(0, 6 * Page, Protection.ReadWrite)).Message.ShouldContain("was not mapped for writing");
        Enumerable.Range(0, 6).Select(page => Access(sparse, (ulong)page)).ShouldAllBe(access => access == "r-");
    }

    /// <summary>Windows refuses it, Wine does not: then what is gone is a fault, a part that cannot be cut says so, and the whole of it can be taken away.</summary>
    [FilePartsFact]
    public void A_file_that_is_cut_short_is_a_refusal_or_a_fault()
    {
        using SafeFileHandle file = Numbered(16);
        using var sparse = new SparseBacking(16 * Page);
        using var memory = new GuestMemory(sparse, "sparse");
        sparse.MapFile(0, file, 0, 16 * Page, writable: true);
        try
        {
            RandomAccess.SetLength(file, (long)(2 * Page));
        }
        catch (IOException)
        {
            memory.Read<byte>(9 * Page).ShouldBe((byte)9);
            return;
        }

        memory.Read<byte>(Page).ShouldBe((byte)1);
        memory.TryRead(9 * Page, out byte _).ShouldBeFalse();
        Should.Throw<GuestMemoryMappingException>(() => sparse.Unmap(4 * Page, Page)).ErrorName.ShouldBe("ERROR_HANDLE_EOF");
        memory.TryRead(4 * Page, out byte _).ShouldBeFalse();
        sparse.Unmap(0, 16 * Page);
        sparse.Commit(0, 16 * Page);
        memory.Read<byte>(Page).ShouldBe((byte)0);
    }

    [FilePartsFact]
    public void Pinned_pages_are_not_taken_away_for_a_moment_either()
    {
        using SafeFileHandle file = Numbered(16);
        using var sparse = new SparseBacking(16 * Page);
        sparse.MapFile(0, file, 0, 8 * Page, writable: true);
        sparse.PinPages([1], AccessType.Read, out _).IsFailure.ShouldBeFalse();
        Action[] refused =
        [
            () => sparse.Unmap(4 * Page, Page),
            () => sparse.MapZero(4 * Page, Page),
            () => sparse.Commit(4 * Page, Page),
            () => sparse.MapFile(7 * Page, file, 0, 2 * Page, writable: true),
        ];
        foreach (Action action in refused)
        {
            Should.Throw<InvalidOperationException>(action).Message.ShouldContain("page 1 is pinned");
        }

        sparse.Mapping[4 * Page].ShouldBe((byte)4);
        sparse.Protect(4 * Page, Page, Protection.Read);
        sparse.Protect(4 * Page, Page, Protection.ReadWrite);
        sparse.Commit(8 * Page, Page);
        sparse.UnpinPages([1]);
        sparse.Unmap(4 * Page, Page);
        sparse.Mapping[5 * Page].ShouldBe((byte)5);
    }

    [FilePartsFact]
    public void Random_operations_leave_what_a_model_says()
    {
        for (int seed = 1; seed <= 6; seed++)
        {
            using SafeFileHandle file = Numbered(Model.Pages);
            using var sparse = new SparseBacking(Model.Pages * Page);
            new Model(seed, sparse, file).Run(300);
        }
    }

    [FilePartsFact]
    public void What_is_written_is_in_a_dirty_log_that_watches()
    {
        using SafeFileHandle file = Numbered(16);
        using var sparse = new SparseBacking(16 * Page);
        using var memory = new GuestMemory(sparse, "sparse");
        sparse.Commit(0, 16 * Page);
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        log.Collect().ShouldBeEmpty();
        sparse.Mapping[2 * Page] = 1;
        sparse.Mapping[13 * Page] = 1;
        sparse.MapFile(6 * Page, file, 0, 2 * Page, writable: false);
        log.Collect().ShouldBe([new GuestRange(2 * Page, Page), new GuestRange(6 * Page, 2 * Page), new GuestRange(13 * Page, Page)]);
        sparse.Mapping[3 * Page] = 1;
        sparse.Mapping[14 * Page] = 1;
        log.Collect().ShouldBe([new GuestRange(3 * Page, Page), new GuestRange(14 * Page, Page)]);

        // Nobody notes what is written to a view: all of it counts.
        sparse.MapFile(6 * Page, file, 0, 2 * Page, writable: true);
        log.Collect().ShouldBe([new GuestRange(6 * Page, 2 * Page)]);
        log.Collect().ShouldBe([new GuestRange(6 * Page, 2 * Page)]);
        sparse.Unmap(6 * Page, 2 * Page);
        log.Collect().ShouldBe([new GuestRange(6 * Page, 2 * Page)]);
        log.Collect().ShouldBeEmpty();
        sparse.Commit(6 * Page, 2 * Page);
        sparse.Mapping[7 * Page] = 1;
        log.Collect().ShouldBe([new GuestRange(7 * Page, Page)]);
    }

    /// <summary>While one thread maps and unmaps, others access what is meant to stay: they never notice. What comes and goes gives data of either kind, or a fault.</summary>
    [FilePartsFact]
    public void Accesses_meanwhile_see_a_page_as_it_was_or_as_it_is()
    {
        using SafeFileHandle file = Numbered(64);
        using var sparse = new SparseBacking(64 * Page);
        using var memory = new GuestMemory(sparse, "sparse");
        sparse.MapFile(0, file, 0, 64 * Page, writable: true);
        int wrong = 0;
        int faults = 0;
        int stop = 0;
        Thread[] threads = [.. Enumerable.Range(0, 3).Select(number => new Thread(() =>
        {
            for (ulong i = (ulong)number; Volatile.Read(ref stop) == 0; i++)
            {
                ulong page = i % 64;
                bool comesAndGoes = page is >= 20 and < 30;
                bool read = memory.TryRead(page * Page, out byte value);
                bool written = number != 0 || memory.TryWrite((page * Page) + 64, i);
                if (!comesAndGoes && (!read || !written || value != page))
                {
                    Interlocked.Increment(ref wrong);
                }
                else if (comesAndGoes && !read)
                {
                    Interlocked.Increment(ref faults);
                }
                else if (comesAndGoes && value != page && value != 0)
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        for (int round = 0; round < 300; round++)
        {
            sparse.Unmap(22 * Page, 3 * Page);
            sparse.Commit(24 * Page, 4 * Page);
            sparse.MapZero(20 * Page, 2 * Page);
            sparse.MapFile(20 * Page, file, 20 * Page, 10 * Page, writable: true);
            if (round % 10 == 0)
            {
                // One view again, to be divided again.
                sparse.MapFile(0, file, 0, 64 * Page, writable: true);
            }
        }

        Volatile.Write(ref stop, 1);
        Array.ForEach(threads, thread => thread.Join());
        wrong.ShouldBe(0);
        faults.ShouldBeGreaterThan(0, "what is unmapped is a fault");
    }

    /// <summary>Somebody who takes all addresses that he can get never gets one of these.</summary>
    [FilePartsFact]
    public void Addresses_stay_taken_while_what_is_there_changes()
    {
        using SafeFileHandle file = Numbered(32);
        using var sparse = new SparseBacking(32 * Page);
        byte* start = sparse.Mapping;
        int stop = 0;
        int intruders = 0;
        var thread = new Thread(() =>
        {
            while (Volatile.Read(ref stop) == 0)
            {
                for (ulong at = 0; at < 32 * Page; at += 16 * Page)
                {
                    void* got = Kernel32.VirtualAlloc(start + at, (nuint)Page, AllocationType.Reserve, PageProtection.NoAccess);
                    if (got is not null)
                    {
                        Interlocked.Increment(ref intruders);
                        Kernel32.VirtualFree(got, 0, FreeType.Release);
                    }
                }
            }
        });
        thread.Start();
        for (int round = 0; round < 500; round++)
        {
            sparse.MapFile(0, file, 0, 32 * Page, writable: true);
            sparse.Unmap(8 * Page, 16 * Page);
            sparse.Commit(0, 32 * Page);
            sparse.Unmap(0, 32 * Page);
        }

        Volatile.Write(ref stop, 1);
        thread.Join();
        intruders.ShouldBe(0);
    }

    /// <summary>Somebody else may be given the addresses at once: then another attempt shows it.</summary>
    [FilePartsFact]
    public void All_parts_are_given_back()
    {
        using SafeFileHandle file = Numbered(32);
        int attempt = 0;
        while (!IsGone())
        {
            (++attempt).ShouldBeLessThan(50);
        }

        bool IsGone()
        {
            var sparse = new SparseBacking(64 * Page);
            byte* start = sparse.Mapping;
            sparse.Commit(0, 64 * Page);
            sparse.MapFile(3 * Page, file, 0, 9 * Page, writable: true);
            sparse.MapFile(20 * Page, file, 0, 9 * Page, writable: true);
            sparse.Unmap(22 * Page, 2 * Page);
            sparse.Protect(25 * Page, Page, Protection.None);
            sparse.Unmap(24 * Page, Page);
            sparse.DisposeAndUnmap();
            MemoryInformation pages;
            Kernel32.VirtualQuery(start, &pages, (nuint)sizeof(MemoryInformation)).ShouldNotBe((nuint)0);
            return pages.State == 0x10000 && pages.Length >= 64 * Page;
        }
    }

    [FilePartsFact]
    public void Many_parts_lie_beside_each_other()
    {
        const ulong Parts = 2000;
        using SafeFileHandle file = Numbered(250);
        using var sparse = new SparseBacking(2 * Parts * Page);
        for (ulong part = 0; part < Parts; part++)
        {
            sparse.MapFile(2 * part * Page, file, part % 250 * Page, Page, writable: part % 3 == 0);
            sparse.Commit(((2 * part) + 1) * Page, Page);
        }

        for (ulong part = 0; part < Parts; part++)
        {
            sparse.Mapping[2 * part * Page].ShouldBe((byte)(part % 250));
            sparse.Mapping[((2 * part) + 1) * Page].ShouldBe((byte)0);
        }

        sparse.Unmap(Page, ((2 * Parts) - 2) * Page);
        sparse.Commit(0, 2 * Parts * Page);
        sparse.Mapping[(2 * Parts * Page) - 1].ShouldBe((byte)0);
    }

    private static string Access(SparseBacking sparse, ulong page)
    {
        byte* at = sparse.Mapping + (page * Page);
        GuardedResult read = Guard.Load<byte>(at, mayBlock: false);
        return !read.Ok ? "--" : Guard.Store(at, (byte)read.Value, mayBlock: false).Ok ? "rw" : "r-";
    }

    /// <summary>A file of pages, each of which begins with its number.</summary>
    private SafeFileHandle Numbered(int pages)
    {
        byte[] bytes = new byte[pages * (int)Page];
        for (int page = 0; page < pages; page++)
        {
            bytes[page * (int)Page] = (byte)page;
        }

        File.WriteAllBytes(_file.Path, bytes);
        return File.OpenHandle(_file.Path, access: FileAccess.ReadWrite, share: FileShare.ReadWrite);
    }

    /// <summary>What is where, by page: nothing, private memory, or a page of the file. Byte 1 of each page is what is compared.</summary>
    private sealed class Model(int seed, SparseBacking sparse, SafeFileHandle file)
    {
        internal const int Pages = 24;

        private readonly Random _random = new(seed);
        private readonly PageState[] _pages = [.. Enumerable.Range(0, Pages).Select(_ => new PageState())];
        private readonly byte[] _fileBytes = new byte[Pages];
        private readonly int[] _pins = new int[Pages];

        internal void Run(int steps)
        {
            for (int step = 0; step < steps; step++)
            {
                int first = _random.Next(Pages);
                int count = Math.Min(_random.Next(1, 9), Pages - first);
                string what = Step(first, count, (byte)((step % 250) + 1));
                for (int page = 0; page < Pages; page++)
                {
                    PageState state = _pages[page];
                    string where = $"seed {seed} step {step}: page {page} after {what} {first}+{count}";
                    Access(sparse, (ulong)page).ShouldBe(state.Write ? "rw" : state.Read ? "r-" : "--", where);
                    if (state.Read)
                    {
                        sparse.Mapping[((ulong)page * Page) + 1].ShouldBe(state.FilePage >= 0 ? _fileBytes[state.FilePage] : state.Value, where);
                    }
                }

                sparse.GetShareableRegions().Sum(region => (int)(region.Length / Page)).ShouldBe(_pages.Count(page => page.FilePage >= 0));
            }
        }

        private string Step(int first, int count, byte value)
        {
            ulong offset = (ulong)first * Page;
            ulong length = (ulong)count * Page;
            Span<PageState> range = _pages.AsSpan(first, count);
            switch (_random.Next(12))
            {
                case 0 or 1:
                    bool commitsWritable = _random.Next(2) == 0;
                    if (Try(() => sparse.Commit(offset, length, commitsWritable ? Protection.ReadWrite : Protection.Read)))
                    {
                        foreach (ref PageState page in range)
                        {
                            page = new PageState(true, true, commitsWritable, page.Mapped && page.FilePage < 0 ? page.Value : (byte)0);
                        }
                    }

                    return "commit";
                case 2 or 3:
                    if (Try(() => sparse.Unmap(offset, length)))
                    {
                        range.Fill(new PageState());
                    }

                    return "unmap";
                case 4:
                    if (Try(() => sparse.MapZero(offset, length)))
                    {
                        range.Fill(new PageState(true, true));
                    }

                    return "map zeros";
                case 5 or 6 or 7:
                    bool writable = _random.Next(3) != 0;
                    int filePage = _random.Next(Pages - count + 1);
                    if (Try(() => sparse.MapFile(offset, file, (ulong)filePage * Page, length, writable)))
                    {
                        for (int i = 0; i < count; i++)
                        {
                            range[i] = new PageState(true, true, writable, 0, filePage + i, writable);
                        }
                    }

                    return "map a file";
                case 8:
                    Protection protection = _random.Next(3) switch { 0 => Protection.None, 1 => Protection.Read, _ => Protection.ReadWrite };
                    bool cannot = protection.CanWrite && Array.Exists(range.ToArray(), page => page is { FilePage: >= 0, FileWritable: false });
                    try
                    {
                        sparse.Protect(offset, length, protection);
                        cannot.ShouldBeFalse();
                        foreach (ref PageState page in range)
                        {
                            page.Mapped.ShouldBeTrue();
                            page = page with { Read = protection.CanRead, Write = protection.CanWrite };
                        }
                    }
                    catch (InvalidOperationException)
                    {
                    }
                    catch (GuestMemoryMappingException)
                    {
                        cannot.ShouldBeTrue();
                    }

                    return $"protect {protection}";
                case 9 or 10:
                    if (_pages[first].Write)
                    {
                        sparse.Mapping[offset + 1] = value;
                        if (_pages[first].FilePage >= 0)
                        {
                            _fileBytes[_pages[first].FilePage] = value;
                        }

                        _pages[first] = _pages[first] with { Value = value };
                    }

                    return "write";
                default:
                    if (_pins[first] > 0)
                    {
                        sparse.UnpinPages([(ulong)first]);
                        _pins[first]--;
                    }
                    else if (_pins.Sum() < 2)
                    {
                        sparse.PinPages([(ulong)first], AccessType.Read, out _).IsFailure.ShouldBeFalse();
                        _pins[first]++;
                    }

                    return "pin";
            }

            // Which are refused is for other tests; here, that nothing has changed then, and that there is a pin to blame.
            bool Try(Action action)
            {
                try
                {
                    action();
                    return true;
                }
                catch (InvalidOperationException)
                {
                    _pins.Sum().ShouldBeGreaterThan(0);
                    return false;
                }
            }
        }

        private readonly record struct PageState(bool Mapped = false, bool Read = false, bool Write = false, byte Value = 0, int FilePage = -1, bool FileWritable = false)
        {
            public PageState()
                : this(Mapped: false)
            {
            }
        }
    }
}
