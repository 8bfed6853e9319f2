using Hyperspan.Guarding;
using Hyperspan.Interop.Windows;
using Hyperspan.Tests.Infrastructure;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

/// <summary>What is mapped on Windows: reserved addresses in which pages come and go, sections, files.</summary>
public sealed unsafe class WindowsBackingTests
{
    private const ulong Page = 4096;
    private const int PageLength = 4096;

    [WindowsFact]
    public void Committed_pages_keep_what_they_hold_and_new_ones_are_zeros()
    {
        using var sparse = new SparseBacking(16 * Page);
        using var memory = new GuestMemory(sparse, "sparse");
        memory.TryRead(4 * Page, out uint _, out GuestMemoryFault fault).ShouldBeFalse();
        (fault.Kind, fault.Cause, AddressOf(fault)).ShouldBe((GuestMemoryFaultKind.Unmapped, FaultCause.SegmentationFault, 4 * Page));

        sparse.Commit(4 * Page, 4 * Page);
        memory.Write((4 * Page) + 8, 0x1234u);
        memory.Read<uint>((4 * Page) + 8).ShouldBe(0x1234u);
        sparse.Commit(3 * Page, 3 * Page);
        memory.Read<uint>((4 * Page) + 8).ShouldBe(0x1234u, "what is committed keeps its contents");
        memory.Read<ulong>(3 * Page).ShouldBe(0UL);

        sparse.Decommit(4 * Page, Page);
        memory.TryWrite((4 * Page) + 8, 1u, out fault).ShouldBeFalse();
        AddressOf(fault).ShouldBe((4 * Page) + 8);
        sparse.Commit(4 * Page, Page);
        memory.Read<uint>((4 * Page) + 8).ShouldBe(0u);
        sparse.Unmap(0, 16 * Page);
        memory.TryRead(5 * Page, out byte _).ShouldBeFalse();
    }

    [WindowsFact]
    public void What_bare_pointers_write_is_in_a_dirty_log_that_watches()
    {
        // More pages than are asked for at a time.
        const ulong Pages = 1500;
        using var sparse = new SparseBacking(Pages * Page);
        using var memory = new GuestMemory(sparse, "sparse");
        sparse.Commit(0, Pages * Page);
        sparse.Mapping[3 * Page] = 1;
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        log.Start();
        Ranges(log).ShouldBeEmpty();
        sparse.Mapping[3 * Page] = 2;
        sparse.Mapping[(5 * Page) - 1] = 2;
        sparse.Mapping[(Pages - 1) * Page] = 2;
        memory.Write(7 * Page, 5);
        memory.Read<byte>(9 * Page).ShouldBe((byte)0);
        Ranges(log).ShouldBe([new GuestRange(3 * Page, 2 * Page), new GuestRange(7 * Page, Page), new GuestRange((Pages - 1) * Page, Page)]);
        Ranges(log).ShouldBeEmpty();
        for (ulong page = 0; page < Pages; page++)
        {
            sparse.Mapping[page * Page] = 3;
        }

        Ranges(log).ShouldBe([new GuestRange(0, Pages * Page)]);
        sparse.Decommit(4 * Page, 2 * Page);
        sparse.Commit(4 * Page, 2 * Page);
        Ranges(log).ShouldBe([new GuestRange(4 * Page, 2 * Page)]);

        byte* pages = sparse.Mapping;
        var writers = new Thread[2];
        byte[] copied = new byte[Pages];
        int running = writers.Length;
        for (int i = 0; i < writers.Length; i++)
        {
            int first = i;
            writers[i] = new Thread(() =>
            {
                for (ulong page = (ulong)first; page < Pages; page += 2)
                {
                    pages[page * Page] = 4;
                }

                Interlocked.Decrement(ref running);
            });
            writers[i].Start();
        }

        bool isOver;
        do
        {
            isOver = Volatile.Read(ref running) == 0;
            foreach (GuestRange range in log.Collect())
            {
                for (ulong page = range.Start.PageNumber; page <= range.Last!.Value.PageNumber; page++)
                {
                    copied[page] = pages[page * Page];
                }
            }
        }
        while (!isOver);
        copied.AsSpan().IndexOfAnyExcept((byte)4).ShouldBe(-1, "each page was copied after it was written");
        log.Stop();
    }

    [WindowsFact]
    public void What_the_system_does_not_watch_is_refused_with_the_reason()
    {
        using var memory = new GuestMemory(new SharedBacking(16 * Page), "section");
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        Should.Throw<GuestMemoryMappingException>(log.Start).Message.ShouldContain("SparseBacking");
        using var operations = new DirtyLog(memory);
        operations.Start();
        memory.Write(3 * Page, 1);
        Ranges(operations).ShouldBe([new GuestRange(3 * Page, Page)]);
    }

    [WindowsFact]
    public void Bytes_before_a_hole_are_written_and_none_after()
    {
        using var sparse = new SparseBacking(8 * Page);
        using var memory = new GuestMemory(sparse, "sparse");
        sparse.Commit(0, 8 * Page);
        byte[] pattern = new byte[3 * PageLength];
        Array.Fill(pattern, (byte)0x5a);
        byte[] seen = new byte[8 * PageLength];
        foreach (ulong before in (ulong[])[1, 7, 63, 64, 65, 200, 4095, 4096, 5000])
        {
            foreach (int kind in (int[])[0, 1, 2])
            {
                sparse.Commit(0, 8 * Page);
                memory.Fill(0, 0x11, 8 * Page);
                Break(kind, sparse);
                memory.TryWrite((4 * Page) - before, pattern, out GuestMemoryFault fault).ShouldBeFalse();
                AddressOf(fault).ShouldBe(4 * Page);
                memory.TryFill((4 * Page) - before, 0x5a, 300 + before, out fault).ShouldBeFalse();
                AddressOf(fault).ShouldBe(4 * Page);
                memory.TryRead((4 * Page) - before, seen.AsSpan(0, (int)before)).ShouldBeTrue();
                seen.AsSpan(0, (int)before).IndexOfAnyExcept((byte)0x5a).ShouldBe(-1, $"{before} bytes before a page of kind {kind}");
                memory.TryRead(5 * Page, seen.AsSpan(0, 3 * PageLength)).ShouldBeTrue();
                seen.AsSpan(0, 3 * PageLength).IndexOfAnyExcept((byte)0x11).ShouldBe(-1, "after the hole");
            }
        }

        static void Break(int kind, SparseBacking sparse)
        {
            switch (kind)
            {
                case 0:
                    sparse.Decommit(4 * Page, Page);
                    break;
                case 1:
                    sparse.Protect(4 * Page, Page, Protection.None);
                    break;
                default:
                    sparse.Protect(4 * Page, Page, Protection.Read);
                    break;
            }
        }
    }

    [WindowsFact]
    public void Zero_pages_are_read_and_not_written_until_they_are_committed()
    {
        using var sparse = new SparseBacking(4 * Page);
        using var memory = new GuestMemory(sparse, "sparse");
        sparse.Commit(0, 2 * Page);
        memory.Write(0, 1u);
        sparse.MapZero(0, 3 * Page);
        memory.Read<uint>(0).ShouldBe(0u);
        memory.TryWrite(2 * Page, 1u).ShouldBeFalse();
        memory.TryCompareExchange(2 * Page, 0u, 0u, out _, out uint _, out _).ShouldBeFalse();
        sparse.Commit(2 * Page, Page);
        memory.Write(2 * Page, 7u);
        memory.Read<uint>(2 * Page).ShouldBe(7u);
        sparse.Prefault(0, 3 * Page, AccessType.Read);
        Should.Throw<GuestMemoryMappingException>(() => sparse.Prefault(0, 4 * Page, AccessType.Read)).ErrorName.ShouldBe("ERROR_INVALID_ADDRESS");
    }

    [WindowsFact]
    public void Addresses_have_the_alignment_that_was_asked_for()
    {
        foreach (ulong alignment in (ulong[])[Page, 1UL << 16, 2UL << 20, 1UL << 30])
        {
            using var sparse = new SparseBacking(3 * Page, new SparseBackingOptions { Alignment = alignment });
            ((ulong)sparse.Mapping % alignment).ShouldBe(0UL);
            using var shared = new SharedBacking(3 * Page, new SharedBackingOptions { Alignment = alignment });
            ((ulong)shared.Mapping % alignment).ShouldBe(0UL);
        }
    }

    [WindowsFact]
    public void A_section_is_the_same_memory_for_all_who_map_it()
    {
        using var shared = new SharedBacking(48 * Page);
        shared.FaultBehavior.ShouldBe(FaultBehavior.Never);
        using var memory = new GuestMemory(shared, "shared");
        using var peer = new GuestMemory(new ForeignBacking(shared.Handle, 17 * Page, 100), "peer");
        memory.Write((17 * Page) + 8, 0x77u);
        peer.Read<uint>(8).ShouldBe(0x77u);
        peer.Write(96, 0x88u);
        memory.Read<uint>((17 * Page) + 96).ShouldBe(0x88u);
        peer.TryRead(98, out uint _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        using var reader = new GuestMemory(new ForeignBacking(shared.Handle, 0, 48 * Page, new ForeignBackingOptions { Writable = false }), "reader");
        reader.TryWrite(0, 1u).ShouldBeFalse();
        reader.Read<uint>((17 * Page) + 8).ShouldBe(0x77u);
        ShareableRegion region = memory.GetShareableRegions().ShouldHaveSingleItem();
        (region.Length, region.FileOffset, region.Writable).ShouldBe((48 * Page, 0UL, true));
    }

    [WindowsFact]
    public void A_file_is_memory()
    {
        using var file = new TemporaryFile((3 * PageLength) + 100);
        using (SafeFileHandle handle = File.OpenHandle(file.Path, access: FileAccess.ReadWrite, share: FileShare.ReadWrite))
        using (var memory = new GuestMemory(new FileBacking(handle, Page, (2 * Page) + 100, FileAccess.ReadWrite), "file"))
        {
            memory.Length.ShouldBe((2 * Page) + 100);
            memory.Write((2 * Page) + 96, 0xaabbccddu);
            memory.TryWrite((2 * Page) + 98, 1u).ShouldBeFalse();
        }

        using (var memory = new GuestMemory(new FileBacking(file.Path), "file"))
        {
            memory.Read<uint>((3 * Page) + 96).ShouldBe(0xaabbccddu);
            memory.TryWrite(0, 1u).ShouldBeFalse();
        }

        using (var memory = new GuestMemory(new FileBacking(file.Path, options: new FileBackingOptions { CopyOnWrite = true }), "file"))
        {
            memory.Write((3 * Page) + 96, 1u);
            memory.Read<uint>((3 * Page) + 96).ShouldBe(1u);
        }

        using var opened = new GuestMemory(ForeignBacking.Open(file.Path), "file");
        opened.Read<uint>((3 * Page) + 96).ShouldBe(0xaabbccddu);
    }

    [WindowsFact]
    public void What_cannot_be_mapped_is_refused_with_the_reason()
    {
        using var shared = new SharedBacking(Page);
        Should.Throw<GuestMemoryMappingException>(() => new ForeignBacking(shared.Handle, 0, 40 * Page)).Message.ShouldContain("shorter");
        Should.Throw<PlatformNotSupportedException>(() => new SharedBacking(Page, new SharedBackingOptions { HugePages = HugePageSize.Size2MiB }));
        Should.Throw<PlatformNotSupportedException>(() => new SharedBacking(Page, new SharedBackingOptions { IsDiscardable = true }));
        if (HyperspanEnvironment.WhyNot(HyperspanAbility.MappedFileParts) is { } reason)
        {
            using var sparse = new SparseBacking(Page);
            Should.Throw<PlatformNotSupportedException>(() => sparse.MapFile(0, shared.Handle, 0, Page, writable: true))
                .Message.ShouldBe($"{HyperspanAbility.MappedFileParts} is not there: {reason}.");
        }

        HyperspanEnvironment.WhyNot(HyperspanAbility.MappedMemory).ShouldBeNull();
        HyperspanEnvironment.GetGuardMode().ShouldBe(GuardMode.MachineCode);
    }

    [WindowsFact]
    public void Disposed_memory_is_a_fault()
    {
        GuestMemoryBacking[] backings = [Committed(), new SharedBacking(4 * Page)];
        foreach (GuestMemoryBacking backing in backings)
        {
            var memory = new GuestMemory(backing, "memory");
            memory.Write(8, 1u);
            memory.Dispose();
            memory.TryRead(8, out uint _, out GuestMemoryFault fault).ShouldBeFalse();
            fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        }
    }

    /// <summary>Somebody else may be given the addresses at once: then another attempt shows it.</summary>
    [WindowsFact]
    public void Addresses_are_given_back_when_that_is_asked_for()
    {
        Func<GuestMemoryBacking>[] makers = [Committed, () => new SharedBacking(4 * Page)];
        foreach (Func<GuestMemoryBacking> make in makers)
        {
            int attempt = 0;
            while (!IsGoneAfter(make()))
            {
                (++attempt).ShouldBeLessThan(50);
            }
        }

        static bool IsGoneAfter(GuestMemoryBacking backing)
        {
            byte* address = backing.Mapping;
            Guard.Load<byte>(address, mayBlock: false).Ok.ShouldBeTrue();
            backing.DisposeAndUnmap();
            return !Guard.Load<byte>(address, mayBlock: false).Ok;
        }
    }

    [WindowsFact]
    public void A_page_that_is_guarded_fails_once()
    {
        using var sparse = new SparseBacking(2 * Page);
        sparse.Commit(0, 2 * Page);
        Kernel32.VirtualProtect(sparse.Mapping + Page, PageLength, PageProtection.ReadWrite | PageProtection.Guard, out _).ShouldBeTrue();
        Guard.Load<uint>(sparse.Mapping + Page + 8, mayBlock: false).Status.ShouldBe(11UL);
        Guard.Load<uint>(sparse.Mapping + Page + 8, mayBlock: false).Status.ShouldBe(0UL);
    }

    [WindowsFact]
    public void Another_process_shares_a_section_and_exchanges_values_in_it() => ChildProcess.Run("section-peer").ShouldSucceed();

    [WindowsFact]
    public void Inlined_accesses_to_pages_that_are_missing_fail_during_collections() => ChildProcess.Run("inlined-fault-storm").ShouldSucceed();

    private static SparseBacking Committed()
    {
        var sparse = new SparseBacking(4 * Page);
        sparse.Commit(0, 4 * Page);
        return sparse;
    }

    private static ulong AddressOf(in GuestMemoryFault fault) => fault.Address!.Value.Value;

    private static GuestRange[] Ranges(DirtyLog log) => [.. log.Collect()];
}
