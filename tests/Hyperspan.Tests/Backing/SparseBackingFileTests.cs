using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

[Collection(nameof(LifetimeTests))]
public sealed unsafe class SparseBackingFileTests
{
    private static readonly ulong Page = SelfProbe.Page;

    [Fact]
    public void Parts_of_a_file_are_shared_with_it_and_its_handle_is_not_needed_afterwards()
    {
        using SparseBacking mapping = new(16 * Page);
        using SafeFileHandle file = SelfProbe.MemoryFile(8 * Page);
        RandomAccess.Write(file, "third page"u8, (long)(2 * Page));
        using (SafeFileHandle another = new(LibC.Fcntl(file, FileCommand.DuplicateCloseOnExec, 0), ownsHandle: true))
        {
            mapping.MapFile(4 * Page, another, 2 * Page, 2 * Page, writable: true);
            mapping.MapFile(10 * Page, another, 2 * Page, Page, writable: false);
        }

        new ReadOnlySpan<byte>(mapping.Mapping + (4 * Page), 10).SequenceEqual("third page"u8).ShouldBeTrue();
        mapping.Mapping[5 * Page] = 77;
        byte[] one = new byte[1];
        RandomAccess.Read(file, one, (long)(3 * Page)).ShouldBe(1);
        one[0].ShouldBe((byte)77);
        mapping.Mapping[4 * Page] = (byte)'T';
        mapping.Mapping[10 * Page].ShouldBe((byte)'T');
        SelfProbe.Access(mapping.Mapping + (10 * Page)).ShouldBe("r-");
        SelfProbe.Access(mapping.Mapping + (3 * Page)).ShouldBe("--");
        SelfProbe.Access(mapping.Mapping + (6 * Page)).ShouldBe("--");
    }

    [Fact]
    public void Pages_past_the_end_fault_until_the_file_grows()
    {
        using SparseBacking mapping = new(4 * Page);
        using SafeFileHandle file = SelfProbe.MemoryFile(Page);
        mapping.MapFile(0, file, 0, 4 * Page, writable: true);
        SelfProbe.Access(mapping.Mapping).ShouldBe("rw");
        SelfProbe.Access(mapping.Mapping + Page).ShouldBe("--");
        SelfProbe.Truncate(file, 2 * Page);
        SelfProbe.Access(mapping.Mapping + Page).ShouldBe("rw");
        SelfProbe.Truncate(file, 0);
        SelfProbe.Access(mapping.Mapping).ShouldBe("--");
    }

    [Fact]
    public void Shareable_regions_follow_what_is_mapped()
    {
        using SparseBacking mapping = new(16 * Page);
        using SafeFileHandle first = SelfProbe.MemoryFile(16 * Page);
        using SafeFileHandle second = SelfProbe.MemoryFile(16 * Page);
        mapping.GetShareableRegions().ShouldBeEmpty();
        int descriptors = SelfProbe.SettledDescriptors();
        mapping.Commit(0, 2 * Page);
        mapping.MapFile(2 * Page, first, 0, 4 * Page, writable: true);
        mapping.MapFile(6 * Page, first, 4 * Page, 2 * Page, writable: true);
        mapping.MapFile(8 * Page, second, 4 * Page, 4 * Page, writable: false);
        SelfProbe.OpenDescriptors().ShouldBe(descriptors + 2, "one descriptor a file, not a part");
        Regions().ShouldBe([(2, 6, 0, true), (8, 4, 4, false)]);

        // A hole in the middle; a protected page is shareable all the same.
        mapping.Unmap(4 * Page, Page);
        mapping.Protect(6 * Page, Page, Protection.Read);
        Regions().ShouldBe([(2, 2, 0, true), (5, 3, 3, true), (8, 4, 4, false)]);
        mapping.Commit(8 * Page, 2 * Page);
        Regions().ShouldBe([(2, 2, 0, true), (5, 3, 3, true), (10, 2, 6, false)]);
        mapping.MapZero(10 * Page, 2 * Page);
        SelfProbe.OpenDescriptors().ShouldBe(descriptors + 1, "no part of the second file is left");

        // The handle is the file: what is written to it is seen in the mapping.
        ShareableRegion region = mapping.GetShareableRegions()[1];
        RandomAccess.Write(region.Handle, "x"u8, (long)region.FileOffset);
        mapping.Mapping[region.Start].ShouldBe((byte)'x');
        mapping.Dispose();
        SelfProbe.OpenDescriptors().ShouldBe(descriptors);

        List<(ulong Page, ulong Pages, ulong FilePage, bool Writable)> Regions() =>
            [.. mapping.GetShareableRegions().Select(r => (r.Start / Page, r.Length / Page, r.FileOffset / Page, r.Writable))];
    }

    [Fact]
    public void A_refused_file_leaves_what_was_mapped()
    {
        using var temporary = new TemporaryFile(0);
        File.WriteAllBytes(temporary.Path, new byte[2 * Page]);
        using SafeFileHandle readOnly = File.OpenHandle(temporary.Path);
        using SparseBacking mapping = new(8 * Page, new() { Name = "ram" });
        mapping.Commit(0, 2 * Page);
        mapping.Mapping[Page] = 5;
        int descriptors = SelfProbe.SettledDescriptors();
        GuestMemoryMappingException e = Should.Throw<GuestMemoryMappingException>(() => mapping.MapFile(0, readOnly, 0, 2 * Page, writable: true));
        e.Message.ShouldStartWith($"'ram': cannot map a file at 0x0-0x{2 * Page:x}: EACCES (");
        e.Message.ShouldEndWith("; the file is not open for reading and writing");
        mapping.Mapping[Page].ShouldBe((byte)5);
        SelfProbe.OpenDescriptors().ShouldBe(descriptors);

        mapping.MapFile(2 * Page, readOnly, 0, 2 * Page, writable: false);

        // Half of this range could be made writable: the other half cannot, so nothing is.
        mapping.Protect(0, 2 * Page, Protection.Read);
        Should.Throw<GuestMemoryMappingException>(() => mapping.Protect(0, 4 * Page, Protection.ReadWrite))
            .Message.ShouldContain("a file in the range is not open for writing");
        SelfProbe.Access(mapping.Mapping).ShouldBe("r-");
        SelfProbe.Access(mapping.Mapping + (2 * Page)).ShouldBe("r-");

        Should.Throw<InvalidOperationException>(() => mapping.Decommit(0, 4 * Page)).Message
            .ShouldBe($"'ram': cannot decommit 0x0-0x{4 * Page:x}: page {2 * SelfProbe.GuestPages} maps a file; unmap it instead.");
        mapping.Mapping[Page].ShouldBe((byte)5);
    }

    [Fact]
    public void Things_that_cannot_be_mapped_are_named()
    {
        using SparseBacking mapping = new(8 * Page);
        using SafeFileHandle file = SelfProbe.MemoryFile(8 * Page);
        Should.Throw<ArgumentException>(() => mapping.MapFile(0, file, 5, Page, writable: false)).Message.ShouldStartWith("fileOffset 0x5");
        Should.Throw<ArgumentException>(() => mapping.MapFile(7, file, 0, Page, writable: false)).Message.ShouldStartWith("offset 0x7");
        Should.Throw<ArgumentException>(() => mapping.MapFile(0, file, 0, 9, writable: false)).Message.ShouldStartWith("length 0x9");
        Should.Throw<ArgumentOutOfRangeException>(() => mapping.MapFile(0, file, 0, 9 * Page, writable: false)).ParamName.ShouldBe("length");
        Should.Throw<ArgumentOutOfRangeException>(() => mapping.MapFile(0, file, 1UL << 63, Page, writable: false)).ParamName.ShouldBe("fileOffset");
        Should.Throw<ArgumentNullException>(() => mapping.MapFile(0, null!, 0, Page, writable: false));
        SelfProbe.Seal(file, FileSeals.Write);
        Should.Throw<GuestMemoryMappingException>(() => mapping.MapFile(0, file, 0, Page, writable: true))
            .Message.ShouldEndWith("; the file is sealed against writing");
        using SafeFileHandle device = File.OpenHandle("/dev/null");
        Should.Throw<GuestMemoryMappingException>(() => mapping.MapFile(0, device, 0, Page, writable: false)).ErrorName.ShouldBe("ENODEV");
        file.Dispose();
        Should.Throw<ObjectDisposedException>(() => mapping.MapFile(0, file, 0, Page, writable: false));
        SelfProbe.Access(mapping.Mapping).ShouldBe("--");
    }
}
