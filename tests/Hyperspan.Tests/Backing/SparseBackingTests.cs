using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

[Collection(nameof(LifetimeTests))]
public sealed unsafe class SparseBackingTests
{
    private static readonly ulong Page = SelfProbe.Page;

    [Fact]
    public void Reserves_far_more_than_there_is_memory_and_takes_none()
    {
        const ulong TiB = 1UL << 40;
        using SparseBacking mapping = new(TiB, new SparseBackingOptions { Name = "huge" });
        mapping.Length.ShouldBe(TiB);
        mapping.FaultBehavior.ShouldBe(FaultBehavior.MayFault);
        mapping.Name.ShouldBe("huge");
        SelfProbe.MappedBytes((ulong)mapping.Mapping, TiB).ShouldBe(TiB);
        SelfProbe.Access(mapping.Mapping).ShouldBe("--");
        SelfProbe.Access(mapping.Mapping + TiB - 1).ShouldBe("--");

        mapping.Commit(TiB - Page, Page);
        mapping.Mapping[TiB - 1] = 7;
        SelfProbe.Resident(mapping.Mapping + TiB - (64 * Page), 64 * Page).ShouldBe(Page);
        SelfProbe.Access(mapping.Mapping + TiB - Page - 1).ShouldBe("--");
    }

    [Theory]
    [InlineData(4096UL)]
    [InlineData(1UL << 16)]
    [InlineData(2UL << 20)]
    [InlineData(1UL << 30)]
    public void Aligns_and_returns_what_it_reserved_too_much(ulong alignment)
    {
        // Sixteen of them: what was not returned would be sixteen times the alignment, where the runtime's own comings and goings are smaller.
        List<SparseBacking> mappings = [];
        long before = SelfProbe.VirtualSize();
        for (int i = 0; i < 16; i++)
        {
            SparseBacking mapping = new(3 * Page, new SparseBackingOptions { Alignment = alignment });
            mappings.Add(mapping);
            ((ulong)mapping.Mapping % alignment).ShouldBe(0UL);
            SelfProbe.MappedBytes((ulong)mapping.Mapping, 3 * Page).ShouldBe(3 * Page);
        }

        if (alignment >= 1UL << 30)
        {
            (SelfProbe.VirtualSize() - before).ShouldBeLessThan(1L << 30);
        }

        mappings.ForEach(mapping => mapping.Dispose());
    }

    [Fact]
    public void Pages_come_go_and_come_back_as_zeros()
    {
        using SparseBacking mapping = new(16 * Page);
        byte* p = mapping.Mapping;
        mapping.Commit(4 * Page, 4 * Page);
        EverySecondPage(mapping).ShouldBe("----rwrw--------");
        p[4 * Page] = 1;
        p[(8 * Page) - 1] = 2;

        mapping.Decommit(5 * Page, 2 * Page);
        SelfProbe.Access(p + (5 * Page)).ShouldBe("--");
        SelfProbe.Access(p + (7 * Page) - 1).ShouldBe("--");
        p[4 * Page].ShouldBe((byte)1);
        p[(8 * Page) - 1].ShouldBe((byte)2);

        mapping.Unmap(0, 16 * Page);
        SelfProbe.Access(p + (4 * Page)).ShouldBe("--");
        mapping.Commit(0, 16 * Page);
        new Span<byte>(p, (int)(16 * Page)).ContainsAnyExcept((byte)0).ShouldBeFalse();

        static string EverySecondPage(SparseBacking mapping)
        {
            string text = "";
            for (ulong page = 0; page < 16; page += 2)
            {
                text += SelfProbe.Access(mapping.Mapping + (page * Page));
            }

            return text;
        }
    }

    [Fact]
    public void Committing_twice_keeps_contents_and_sets_the_protection()
    {
        using SparseBacking mapping = new(8 * Page);
        mapping.Commit(2 * Page, 2 * Page);
        mapping.Mapping[2 * Page] = 42;
        mapping.Commit(0, 8 * Page, Protection.Read);
        mapping.Mapping[2 * Page].ShouldBe((byte)42);
        SelfProbe.Access(mapping.Mapping + (2 * Page)).ShouldBe("r-");
        SelfProbe.Access(mapping.Mapping + (7 * Page)).ShouldBe("r-");
        mapping.Commit(0, 8 * Page);
        mapping.Mapping[2 * Page].ShouldBe((byte)42);
        SelfProbe.Access(mapping.Mapping + (7 * Page)).ShouldBe("rw");
    }

    [Fact]
    public void Zero_pages_read_as_zeros_refuse_writes_and_become_memory_on_commit()
    {
        using SparseBacking mapping = new(8 * Page);
        mapping.Commit(0, 2 * Page);
        mapping.Mapping[Page] = 9;
        mapping.MapZero(Page, 4 * Page);
        mapping.Mapping[Page].ShouldBe((byte)0);
        mapping.Mapping[(5 * Page) - 1].ShouldBe((byte)0);
        SelfProbe.Access(mapping.Mapping + Page).ShouldBe("r-");
        SelfProbe.Access(mapping.Mapping + (5 * Page)).ShouldBe("--");
        SelfProbe.Access(mapping.Mapping).ShouldBe("rw");

        mapping.Commit(Page, Page);
        mapping.Mapping[Page] = 3;
        SelfProbe.Access(mapping.Mapping + (2 * Page)).ShouldBe("r-");
        mapping.Decommit(0, 8 * Page);
        SelfProbe.Access(mapping.Mapping + (2 * Page)).ShouldBe("--");
    }

    [Fact]
    public void Protection_changes_for_mapped_pages_only()
    {
        using SparseBacking mapping = new(8 * Page, new SparseBackingOptions { Name = "ram" });
        mapping.Commit(0, 4 * Page);
        mapping.Mapping[Page] = 5;
        mapping.Protect(Page, Page, Protection.None);
        SelfProbe.Access(mapping.Mapping + Page).ShouldBe("--");
        mapping.Protect(Page, 2 * Page, new Protection(true, false, true));
        SelfProbe.Access(mapping.Mapping + Page).ShouldBe("r-");
        SelfProbe.Access(mapping.Mapping + (2 * Page)).ShouldBe("r-");
        SelfProbe.Maps(mapping.Mapping, 8 * Page).ShouldAllBe(line => !line.Permissions.Contains('x'));
        mapping.Protect(0, 4 * Page, Protection.ReadWrite);
        mapping.Mapping[Page]++;
        mapping.Mapping[Page].ShouldBe((byte)6);

        InvalidOperationException e = Should.Throw<InvalidOperationException>(() => mapping.Protect(2 * Page, 4 * Page, Protection.Read));
        e.Message.ShouldBe($"'ram': cannot protect 0x{2 * Page:x}-0x{6 * Page:x}: page {4 * SelfProbe.GuestPages} is not mapped; commit it instead.");
        SelfProbe.Access(mapping.Mapping + (3 * Page)).ShouldBe("rw");
    }

    [Fact]
    public void Arguments_are_checked_by_name()
    {
        using SparseBacking mapping = new(8 * Page);
        List<Action<ulong, ulong>> operations =
        [
            mapping.Commit,
            mapping.Decommit,
            mapping.Unmap,
            mapping.MapZero,
            (offset, length) => mapping.Protect(offset, length, Protection.Read),
            (offset, length) => mapping.AdviseHugePages(offset, length, HugePageAdvice.Avoid),
            (offset, length) => mapping.Prefault(offset, length, AccessType.Read),
        ];
        foreach (Action<ulong, ulong> operation in operations)
        {
            Should.Throw<ArgumentException>(() => operation(1, Page)).Message.ShouldStartWith("offset 0x1 is not a multiple");
            Should.Throw<ArgumentException>(() => operation(0, 4096 + 8)).Message.ShouldStartWith("length 0x1008 is not a multiple");
            Should.Throw<ArgumentOutOfRangeException>(() => operation(9 * Page, 0)).ParamName.ShouldBe("offset");
            Should.Throw<ArgumentOutOfRangeException>(() => operation(8 * Page, Page)).ParamName.ShouldBe("length");
            Should.Throw<ArgumentOutOfRangeException>(() => operation(0, 9 * Page)).ParamName.ShouldBe("length");

            // offset + length wraps around to something small.
            Should.Throw<ArgumentOutOfRangeException>(() => operation(4 * Page, unchecked(0 - (2 * Page)))).ParamName.ShouldBe("length");
            Should.Throw<ArgumentOutOfRangeException>(() => operation(unchecked(0 - Page), 2 * Page)).ParamName.ShouldBe("offset");
            operation(8 * Page, 0);
            operation(0, 0);
        }

        // Nothing of what is there is nothing too.
        mapping.Commit(0, 8 * Page);
        mapping.Mapping[3 * Page] = 1;
        operations.ForEach(operation => operation(3 * Page, 0));
        mapping.Mapping[3 * Page].ShouldBe((byte)1);

        Should.Throw<ArgumentOutOfRangeException>(() => new SparseBacking(0));
        Should.Throw<ArgumentException>(() => new SparseBacking(4095));
        Should.Throw<ArgumentOutOfRangeException>(() => new SparseBacking(ulong.MaxValue - 4095));
        Should.Throw<ArgumentException>(() => new SparseBacking(Page, new() { Alignment = 12288 }));
        Should.Throw<ArgumentException>(() => new SparseBacking(Page, new() { Alignment = 2048 }));
        Should.Throw<ArgumentException>(() => new SparseBacking(Page, new() { Alignment = 2UL << 30 }));
        Should.Throw<ArgumentOutOfRangeException>(() => new SparseBacking(Page, new() { FaultBehavior = FaultBehavior.Never }));
        using SparseBacking blocking = new(Page, new() { FaultBehavior = FaultBehavior.MayBlock });
        blocking.FaultBehavior.ShouldBe(FaultBehavior.MayBlock);
    }

    /// <summary>The kernel itself does to all of the last page what it is asked for a part of it.</summary>
    [SkippableFact]
    public void Parts_of_pages_of_the_system_are_refused_and_nothing_beside_them_changes()
    {
        const ulong Part = GuestAddress.PageSize;
        Skip.If(Page == Part, "the system maps by pages of 4 KiB");
        using SparseBacking mapping = new((4 * Page) + Part, new() { Name = "ram" });
        using SafeFileHandle file = SelfProbe.MemoryFile(8 * Page);
        string hint = $"; this system maps by pages of 0x{Page:x} bytes";
        mapping.Commit(0, 2 * Page);
        new Span<byte>(mapping.Mapping, 2 * (int)Page).Fill(5);
        Action<ulong, ulong>[] operations =
        [
            mapping.Commit,
            mapping.Decommit,
            mapping.Unmap,
            mapping.MapZero,
            (offset, length) => mapping.Protect(offset, length, Protection.None),
            (offset, length) => mapping.MapFile(offset, file, 0, length, writable: true),
        ];
        foreach (Action<ulong, ulong> operation in operations)
        {
            foreach ((ulong offset, ulong length) in ((ulong, ulong)[])[(0, Part), (Part, Part), (Part, Page - Part), (Page, Page + Part), (Part, (4 * Page))])
            {
                GuestMemoryMappingException e = Should.Throw<GuestMemoryMappingException>(() => operation(offset, length));
                e.ErrorName.ShouldBe("EINVAL");
                e.Message.ShouldStartWith("'ram': cannot ");
                e.Message.ShouldEndWith(hint);
            }

            operation(Part, 0);
        }

        Should.Throw<GuestMemoryMappingException>(() => mapping.MapFile(0, file, Part, Page, writable: true)).Message
            .ShouldEndWith(hint + ", of a file too, where it begins at 0x1000");
        new Span<byte>(mapping.Mapping, 2 * (int)Page).ContainsAnyExcept((byte)5).ShouldBeFalse();
        SelfProbe.Access(mapping.Mapping + (2 * Page) - 1).ShouldBe("rw");
        SelfProbe.Access(mapping.Mapping + (2 * Page)).ShouldBe("--");

        // Where the mapping ends, a part is all there is.
        mapping.Commit(3 * Page, Page + Part);
        mapping.Mapping[mapping.Length - 1] = 6;
        mapping.MapFile(4 * Page, file, 0, Part, writable: true);
        mapping.GetShareableRegions().ShouldHaveSingleItem().Length.ShouldBe(Part);
        mapping.MapZero(4 * Page, Part);
        mapping.Protect(4 * Page, Part, Protection.None);
        mapping.Unmap(4 * Page, Part);
        SelfProbe.Access(mapping.Mapping + (4 * Page)).ShouldBe("--");

        // What changes nothing takes the page that the part is of.
        mapping.Prefault(Page - Part, Part, AccessType.Write);
        mapping.Prefault(3 * Page, Part, AccessType.Write);
        mapping.AdviseHugePages(Part, Part, HugePageAdvice.Avoid);
        SelfProbe.Resident(mapping.Mapping, 4 * Page).ShouldBe(3 * Page);
        Should.Throw<GuestMemoryMappingException>(() => mapping.Prefault((2 * Page) + Part, Part, AccessType.Write)).Message
            .ShouldEndWith("; a page does not permit the access");
    }

    [Fact]
    public void More_addresses_than_there_are_is_a_clear_error()
    {
        List<SparseBacking> all = [];
        GuestMemoryMappingException e = Should.Throw<GuestMemoryMappingException>(() =>
        {
            // Three times what a four-level page table has, for a kernel that gives out more on request alone.
            for (int i = 0; i < 6; i++)
            {
                all.Add(new SparseBacking(1UL << 46, new() { Name = "ram" }));
            }
        });
        e.Message.ShouldStartWith("'ram': cannot reserve addresses for 0x0-0x400000000000: ENOMEM (");
        e.ErrorName.ShouldBe("ENOMEM");
        e.MemoryName.ShouldBe("ram");
        e.Length.ShouldBe(1UL << 46);
        all.ForEach(mapping => mapping.Dispose());
        all.Clear();
    }

    [Fact]
    public void Prefault_takes_the_pages_and_says_what_is_missing()
    {
        using SparseBacking mapping = new(64 * Page);
        mapping.Commit(0, 32 * Page);
        SelfProbe.Resident(mapping.Mapping, 64 * Page).ShouldBe(0UL);
        mapping.Prefault(0, 32 * Page, AccessType.Write);
        SelfProbe.Resident(mapping.Mapping, 64 * Page).ShouldBe(32 * Page);

        GuestMemoryMappingException e = Should.Throw<GuestMemoryMappingException>(() => mapping.Prefault(31 * Page, 2 * Page, AccessType.Read));
        e.Message.ShouldStartWith($"'sparse': cannot prefault 0x{31 * Page:x}-0x{33 * Page:x}: E");
        mapping.MapZero(40 * Page, Page);
        mapping.Prefault(40 * Page, Page, AccessType.Read);
        Should.Throw<GuestMemoryMappingException>(() => mapping.Prefault(40 * Page, Page, AccessType.Write));
    }

    [SkippableFact]
    public void Name_shows_in_the_maps_of_the_process_whatever_is_mapped()
    {
        using SparseBacking mapping = new(8 * Page, new() { Name = "guest [ram] é" });
        string name = SelfProbe.Maps(mapping.Mapping, Page)[0].Path;
        Skip.If(name.Length == 0, "the kernel does not name anonymous mappings");
        name.ShouldBe("[anon:guest _ram_ ?]");
        mapping.Commit(0, 2 * Page);
        mapping.MapZero(2 * Page, 2 * Page);
        mapping.Unmap(0, Page);
        mapping.Commit(6 * Page, Page);
        mapping.Decommit(6 * Page, Page);
        SelfProbe.Maps(mapping.Mapping, 8 * Page).ShouldAllBe(line => line.Path == name);
    }

    [Fact]
    public void Reserved_space_is_one_mapping_again_after_everything_went()
    {
        using SparseBacking mapping = new(1024 * Page, new() { Name = "whole" });
        for (ulong page = 0; page < 1024; page += 2)
        {
            mapping.Commit(page * Page, Page);
            mapping.Mapping[page * Page] = 1;
        }

        SelfProbe.Maps(mapping.Mapping, mapping.Length).Count.ShouldBe(1024);
        for (ulong page = 0; page < 1024; page += 2)
        {
            mapping.Decommit(page * Page, Page);
        }

        SelfProbe.Maps(mapping.Mapping, mapping.Length).Count.ShouldBe(1);
    }

    [Fact]
    public void A_write_to_a_read_only_page_is_told_from_a_hole()
    {
        using SparseBacking mapping = new(8 * Page);
        mapping.MapZero(0, Page);
        Kind(0, AccessType.Write, FaultCause.SegmentationFault).ShouldBe(GuestMemoryFaultKind.ReadOnly);
        Kind(Page, AccessType.Write, FaultCause.SegmentationFault).ShouldBe(GuestMemoryFaultKind.Unmapped);
        Kind(0, AccessType.Read, FaultCause.SegmentationFault).ShouldBe(GuestMemoryFaultKind.Unmapped);
        Kind(0, AccessType.Write, FaultCause.BusError).ShouldBe(GuestMemoryFaultKind.Unmapped);
        mapping.OnPageFault(new PageFault(0, 1, AccessType.Write, bitmapFailure: true, FaultCause.AccessBitmap))
            .FaultKind.ShouldBe(GuestMemoryFaultKind.Restricted);

        GuestMemoryFaultKind Kind(ulong address, AccessType access, FaultCause cause)
        {
            PageFaultAction action = mapping.OnPageFault(new PageFault(address, 1, access, bitmapFailure: false, cause));
            action.Action.ShouldBe(PageFaultActionKind.Fail);
            return action.FaultKind;
        }
    }

    [Fact]
    public void After_dispose_operations_say_so_and_the_addresses_stay_taken()
    {
        SparseBacking mapping = new(8 * Page);
        mapping.Commit(0, 8 * Page);
        mapping.Mapping[0] = 1;
        mapping.Dispose();
        mapping.Dispose();
        SelfProbe.Access(mapping.Mapping).ShouldBe("--");
        SelfProbe.MappedBytes((ulong)mapping.Mapping, 8 * Page).ShouldBe(8 * Page);
        SelfProbe.Resident(mapping.Mapping, 8 * Page).ShouldBe(0UL);
        Should.Throw<ObjectDisposedException>(() => mapping.Commit(0, Page));
        Should.Throw<ObjectDisposedException>(() => mapping.Decommit(0, Page));
        Should.Throw<ObjectDisposedException>(() => mapping.MapZero(0, Page));
        Should.Throw<ObjectDisposedException>(() => mapping.Protect(0, Page, Protection.Read));
        Should.Throw<ObjectDisposedException>(() => mapping.AdviseHugePages(0, Page, HugePageAdvice.Prefer));
        Should.Throw<ObjectDisposedException>(() => mapping.Prefault(0, Page, AccessType.Read));
        Should.Throw<ObjectDisposedException>(() => mapping.GetShareableRegions());
        GC.KeepAlive(mapping);
    }
}
