using System.Globalization;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

[Collection(nameof(LifetimeTests))]
public sealed unsafe class SharedBackingTests
{
    private const MemoryFileFlags HugeFile =
        MemoryFileFlags.CloseOnExec | MemoryFileFlags.AllowSealing | MemoryFileFlags.HugeTlb | MemoryFileFlags.Huge2MiB;

    private static readonly ulong Page = SelfProbe.Page;

    [Fact]
    public void Is_zeroed_rounded_to_pages_named_and_cannot_fault()
    {
        using SharedBacking memory = new(GuestAddress.PageSize + 1, new() { Name = "vram" });
        memory.Length.ShouldBe(2UL * GuestAddress.PageSize);
        memory.Name.ShouldBe("vram");
        memory.IsWritable.ShouldBeTrue();
        memory.IsPinnable.ShouldBeTrue();
        bool strict = File.ReadAllText("/proc/sys/vm/overcommit_memory").Trim() == "2";
        memory.FaultBehavior.ShouldBe(strict ? FaultBehavior.MayFault : FaultBehavior.Never);
        new Span<byte>(memory.Mapping, (int)memory.Length).ContainsAnyExcept((byte)0).ShouldBeFalse();
        SelfProbe.Maps(memory.Mapping, memory.Length).ShouldHaveSingleItem().Path.ShouldBe("/memfd:vram (deleted)");
        memory.PinPages([0, 1], AccessType.Write, out bool unpinRequired).IsFailure.ShouldBeFalse();
        unpinRequired.ShouldBeFalse();
    }

    [Fact]
    public void Nobody_can_shrink_grow_or_seal_the_file_further()
    {
        using SharedBacking memory = new(4 * Page);
        LibC.Ftruncate(memory.Handle, (long)Page).ShouldBe(-1);
        LibC.Ftruncate(memory.Handle, (long)(8 * Page)).ShouldBe(-1);
        LibC.Fcntl(memory.Handle, FileCommand.AddSeals, (nint)FileSeals.Write).ShouldBe(-1);
        (LibC.Fcntl(memory.Handle, FileCommand.GetSeals, 0) & 7).ShouldBe(7);
        memory.Mapping[(4 * Page) - 1] = 1;
    }

    [Fact]
    public void The_handle_gives_the_same_bytes_to_another_mapping_that_outlives_it()
    {
        using SharedBacking memory = new(4 * Page);
        ShareableRegion region = memory.GetShareableRegions().ShouldHaveSingleItem();
        region.ShouldBe(new ShareableRegion(0, 4 * Page, memory.Handle, 0, true));
        using ForeignBacking peer = new(region.Handle, Page, 2 * Page);
        memory.Mapping[Page] = 1;
        peer.Mapping[0].ShouldBe((byte)1);
        peer.Mapping[1] = 2;
        memory.Mapping[Page + 1].ShouldBe((byte)2);
        memory.Dispose();
        peer.Mapping[1].ShouldBe((byte)2);
        peer.FaultBehavior.ShouldBe(memory.FaultBehavior, "sealed against shrinking");
    }

    [Fact]
    public void After_dispose_accesses_under_way_meet_zeros_and_the_file_is_closed()
    {
        // What is opened once in the life of a process is open by then.
        using (SharedBacking first = new(Page))
        using (ForeignBacking other = new(first.Handle, 0, Page))
        {
            SelfProbe.Resident(first.Mapping, Page);
        }

        int descriptors = SelfProbe.SettledDescriptors();
        SharedBacking memory = new(4 * Page, new() { Prefault = true });
        SelfProbe.Resident(memory.Mapping, 4 * Page).ShouldBe(4 * Page);
        memory.Mapping[Page] = 1;
        using ForeignBacking peer = new(memory.Handle, 0, 4 * Page);
        memory.Dispose();
        SelfProbe.OpenDescriptors().ShouldBe(descriptors + 1, "the peer's");
        Should.Throw<ObjectDisposedException>(() => memory.GetShareableRegions());
        memory.Handle.IsClosed.ShouldBeTrue();
        memory.Mapping[Page].ShouldBe((byte)0);
        memory.Mapping[Page] = 2;
        peer.Mapping[Page].ShouldBe((byte)1, "the address no longer leads to the file");
        SelfProbe.MappedBytes((ulong)memory.Mapping, 4 * Page).ShouldBe(4 * Page);
        GC.KeepAlive(memory);
    }

    [Fact]
    public void Aligns_and_checks_its_arguments()
    {
        using SharedBacking memory = new(Page, new() { Alignment = 1UL << 30, Name = new string('n', 400) });
        ((ulong)memory.Mapping % (1UL << 30)).ShouldBe(0UL);
        memory.Mapping[0] = 1;
        using SharedBacking unicode = new(Page, new() { Name = new string('é', 200) });
        unicode.Mapping[0] = 1;
        Should.Throw<ArgumentOutOfRangeException>(() => new SharedBacking(0)).ParamName.ShouldBe("length");
        Should.Throw<ArgumentOutOfRangeException>(() => new SharedBacking(ulong.MaxValue)).ParamName.ShouldBe("length");
        Should.Throw<ArgumentException>(() => new SharedBacking(Page, new() { Alignment = 3 }));
        Should.Throw<ArgumentException>(() => new SharedBacking(Page, new() { Name = "a\0b" }));
        Should.Throw<ArgumentOutOfRangeException>(() => new SharedBacking(Page, new() { HugePages = (HugePageSize)9 }));
    }

    [SkippableTheory]
    [InlineData(HugePageSize.Size2MiB, 2UL << 20, 2048, "2 MiB")]
    [InlineData(HugePageSize.Size1GiB, 1UL << 30, 1048576, "1 GiB")]
    public void A_pool_too_small_says_what_is_needed_and_where(HugePageSize size, ulong bytes, int kilobytes, string text)
    {
        string pool = $"/sys/kernel/mm/hugepages/hugepages-{kilobytes}kB";
        Skip.IfNot(Directory.Exists(pool), $"no huge pages of {text} on this system");
        Skip.IfNot(File.ReadAllText(pool + "/nr_overcommit_hugepages").Trim() == "0", "the pool grows by itself");
        ulong total = HugePages.Read(pool, "nr_hugepages");
        ulong available = HugePages.Read(pool, "free_hugepages") - HugePages.Read(pool, "resv_hugepages");
        int descriptors = SelfProbe.SettledDescriptors();
        ulong wanted = available + 3;
        GuestMemoryMappingException e = Should.Throw<GuestMemoryMappingException>(
            () => new SharedBacking((wanted * bytes) - 1, new() { HugePages = size, Name = "ram" }));
        e.ErrorName.ShouldBe("ENOMEM");
        e.Message.ShouldStartWith("'ram': cannot map the file for 0x0-0x" + (wanted * bytes).ToString("x", CultureInfo.InvariantCulture) + ": ENOMEM (");
        e.Message.ShouldContain($"{wanted} huge pages of {text} are needed, {available} are free");
        e.Message.ShouldContain($"write at least {total + 3} to {pool}/nr_hugepages");
        SelfProbe.OpenDescriptors().ShouldBe(descriptors);
    }

    [SkippableFact]
    public void Huge_pages_come_from_the_pool_and_return_to_it()
    {
        using HugePages pool = HugePages.Raise(4);
        using SharedBacking memory = new((4UL << 20) - 5, new() { HugePages = HugePageSize.Size2MiB, Prefault = true });
        memory.Length.ShouldBe(4UL << 20);
        memory.FaultBehavior.ShouldBe(FaultBehavior.MayFault);
        ((ulong)memory.Mapping % (2UL << 20)).ShouldBe(0UL);
        memory.Mapping[memory.Length - 1] = 8;
        SelfProbe.Resident(memory.Mapping, memory.Length).ShouldBe(memory.Length);

        // A region that begins and ends inside huge pages, as QEMU announces it for memory above 1 MiB.
        using ForeignBacking peer = new(memory.Handle, 0xc0000, (4UL << 20) - 0xc0000 - 4096);
        peer.FaultBehavior.ShouldBe(FaultBehavior.MayFault);
        memory.Mapping[0xc0000] = 3;
        peer.Mapping[0].ShouldBe((byte)3);
        peer.Dispose();

        memory.Dispose();
        SelfProbe.Access(memory.Mapping).ShouldBe("--");
        HugePages.Free.ShouldBe(pool.FreeAtStart);
        GC.KeepAlive(memory);
    }

    [SkippableFact]
    public void Huge_pages_in_a_sparse_mapping_want_its_alignment()
    {
        using HugePages pool = HugePages.Raise(2);
        using SharedBacking memory = new(4UL << 20, new() { HugePages = HugePageSize.Size2MiB });
        using SparseBacking mapping = new(8UL << 20, new() { Alignment = 2UL << 20 });
        mapping.MapFile(2UL << 20, memory.Handle, 2UL << 20, 2UL << 20, writable: true);
        mapping.Mapping[2UL << 20] = 9;
        memory.Mapping[2UL << 20].ShouldBe((byte)9);
        Should.Throw<GuestMemoryMappingException>(() => mapping.MapFile(Page, memory.Handle, 0, 2UL << 20, writable: true))
            .Message.ShouldContain("multiples of the huge page size");
        Should.Throw<GuestMemoryMappingException>(() => mapping.Unmap(2UL << 20, Page)).ErrorName.ShouldBe("EINVAL");
        mapping.Mapping[2UL << 20].ShouldBe((byte)9);
    }

    [SkippableFact]
    public void An_exhausted_pool_leaves_what_was_mapped()
    {
        Skip.IfNot(Directory.Exists("/sys/kernel/mm/hugepages/hugepages-2048kB"), "no huge pages of 2 MiB on this system");
        ulong pages = HugePages.Free + 1;
        using SafeFileHandle file = SelfProbe.MemoryFile(pages << 21, HugeFile);
        using SparseBacking mapping = new(pages << 21, new() { Alignment = 2UL << 20 });
        mapping.Commit(0, Page);
        mapping.Mapping[0] = 6;
        Should.Throw<GuestMemoryMappingException>(() => mapping.MapFile(0, file, 0, pages << 21, writable: true)).ErrorName.ShouldBe("ENOMEM");
        mapping.Mapping[0].ShouldBe((byte)6);
        SelfProbe.MappedBytes((ulong)mapping.Mapping, pages << 21).ShouldBe(pages << 21);
    }

    [SkippableFact]
    public void A_kernel_that_fails_late_does_not_leave_a_hole()
    {
        Skip.IfNot(Directory.Exists("/sys/kernel/mm/hugepages/hugepages-2048kB"), "no huge pages of 2 MiB on this system");
        ulong pages = HugePages.Free + 1;
        using SafeFileHandle file = SelfProbe.MemoryFile(pages << 21, HugeFile);
        AddressReservation reservation = AddressReservation.Reserve(pages << 21, 2UL << 20, "hole");
        reservation.MapAnonymous(0, Page, MappingProtection.ReadWrite, noReserve: true, out _).ShouldBe(0);
        int error = reservation.MapFixed(
            0,
            pages << 21,
            MappingProtection.ReadWrite,
            MappingFlags.Shared | MappingFlags.Fixed,
            (int)file.DangerousGetHandle(),
            0,
            out bool emptied);
        error.ShouldBe(12);
        SelfProbe.Access(reservation.Address).ShouldBe(emptied ? "--" : "rw");
        SelfProbe.MappedBytes((ulong)reservation.Address, pages << 21).ShouldBe(pages << 21);
        reservation.GiveBack();
        reservation.GiveBack();
    }
}
