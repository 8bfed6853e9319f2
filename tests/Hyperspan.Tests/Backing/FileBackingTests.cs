using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

[Collection(nameof(LifetimeTests))]
public sealed unsafe class FileBackingTests : IDisposable
{
    private static readonly ulong Page = SelfProbe.Page;
    private readonly TemporaryFile _temporary = new(0);

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Reads_a_file_whose_length_is_not_a_multiple_of_the_page_size()
    {
        byte[] bytes = [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7))];
        File.WriteAllBytes(_temporary.Path, bytes);
        using FileBacking memory = new FileBacking(_temporary.Path);
        memory.Length.ShouldBe(5000UL);
        memory.IsWritable.ShouldBeFalse();
        memory.FaultBehavior.ShouldBe(FaultBehavior.MayFault);
        memory.Name.ShouldBe(Path.GetFileName(_temporary.Path));
        new Span<byte>(memory.Mapping, 5000).SequenceEqual(bytes).ShouldBeTrue();
        SelfProbe.Access(memory.Mapping).ShouldBe("r-");
        memory.GetShareableRegions().ShouldHaveSingleItem().Length.ShouldBe(5000UL);
        memory.GetShareableRegions()[0].Writable.ShouldBeFalse();
    }

    [Fact]
    public void Writes_reach_the_file_or_stay_private()
    {
        File.WriteAllBytes(_temporary.Path, new byte[8192]);
        using (FileBacking memory = new FileBacking(_temporary.Path, FileAccess.ReadWrite, new() { Name = "pmem" }))
        using (FileBacking copy = new FileBacking(_temporary.Path, options: new() { CopyOnWrite = true }))
        {
            memory.Name.ShouldBe("pmem");
            memory.Mapping[4096] = 1;
            copy.IsWritable.ShouldBeTrue();
            copy.Mapping[4096].ShouldBe((byte)1);
            copy.Mapping[4096] = 2;
            copy.Mapping[0] = 3;
            memory.Mapping[4096].ShouldBe((byte)1);
            copy.GetShareableRegions().ShouldBeEmpty();
            memory.GetShareableRegions().ShouldHaveSingleItem().Writable.ShouldBeTrue();
        }

        byte[] bytes = File.ReadAllBytes(_temporary.Path);
        bytes[4096].ShouldBe((byte)1);
        bytes[0].ShouldBe((byte)0);
    }

    [Fact]
    public void A_part_of_the_file_from_an_offset()
    {
        byte[] bytes = new byte[(4 * Page) + 9];
        bytes[Page] = 1;
        bytes[^1] = 9;
        File.WriteAllBytes(_temporary.Path, bytes);
        using SafeFileHandle file = File.OpenHandle(_temporary.Path);
        using FileBacking rest = new FileBacking(file, Page, (3 * Page) + 9);
        rest.Length.ShouldBe((3 * Page) + 9);
        rest.Mapping[0].ShouldBe((byte)1);
        rest.Mapping[rest.Length - 1].ShouldBe((byte)9);
        using FileBacking part = new FileBacking(file, Page, 10, options: new() { Name = "ten", Alignment = 2UL << 20, Prefault = true });
        part.Length.ShouldBe(10UL);
        ((ulong)part.Mapping % (2UL << 20)).ShouldBe(0UL);
        part.GetShareableRegions()[0].FileOffset.ShouldBe(Page);
        using FileBacking end = new FileBacking(file, 4 * Page, 9);
        end.Length.ShouldBe(9UL);
    }

    [Fact]
    public void An_empty_file_is_empty_memory()
    {
        int descriptors = SelfProbe.SettledDescriptors();
        using FileBacking memory = new FileBacking(_temporary.Path);
        memory.Length.ShouldBe(0UL);
        (memory.Mapping == null).ShouldBeTrue();
        memory.IsPinnable.ShouldBeFalse();
        memory.GetShareableRegions().ShouldBeEmpty();
        SelfProbe.OpenDescriptors().ShouldBe(descriptors);
    }

    [Fact]
    public void What_cannot_be_mapped_is_refused_clearly_and_leaks_nothing()
    {
        File.WriteAllBytes(_temporary.Path, new byte[5000]);
        int descriptors = SelfProbe.SettledDescriptors();
        Should.Throw<ArgumentOutOfRangeException>(() => new FileBacking(_temporary.Path, options: new() { FaultBehavior = FaultBehavior.Never }));
        Should.Throw<ArgumentOutOfRangeException>(() => new FileBacking(_temporary.Path, FileAccess.Write));
        Should.Throw<FileNotFoundException>(() => new FileBacking(_temporary.Path + ".missing"));
        Should.Throw<UnauthorizedAccessException>(() => new FileBacking(Path.GetTempPath()));
        Should.Throw<ArgumentException>(() => new FileBacking("/dev/null"));
        using (SafeFileHandle none = File.OpenHandle("/dev/null"))
        using (SafeFileHandle readOnly = File.OpenHandle(_temporary.Path))
        {
            Should.Throw<GuestMemoryMappingException>(() => new FileBacking(none, 0, 5)).ErrorName.ShouldBe("ENODEV");
            Should.Throw<GuestMemoryMappingException>(() => new FileBacking(readOnly, 0, 5001, options: new() { Name = "rom" })).Message
                .ShouldBe("'rom': cannot map the file for 0x0-0x1389: the file has 0x1388 bytes, which ends before offset 0x0 + length 0x1389");
            Should.Throw<GuestMemoryMappingException>(() => new FileBacking(readOnly, 2 * Page, 1));
            Should.Throw<ArgumentException>(() => new FileBacking(readOnly, 10, 1));
            Should.Throw<ArgumentOutOfRangeException>(() => new FileBacking(readOnly, 0, ulong.MaxValue));
            Should.Throw<GuestMemoryMappingException>(() => new FileBacking(readOnly, FileAccess.ReadWrite))
                .Message.ShouldEndWith("; the file is not open for reading and writing");
            Should.Throw<ArgumentException>(() => new FileBacking(readOnly, FileAccess.ReadWrite, new() { CopyOnWrite = true }));
            using FileBacking copy = new FileBacking(readOnly, options: new() { CopyOnWrite = true });
            copy.Mapping[0] = 1;
        }

        SelfProbe.OpenDescriptors().ShouldBe(descriptors);
        using FileBacking blocking = new FileBacking(_temporary.Path, options: new() { FaultBehavior = FaultBehavior.MayBlock });
        blocking.FaultBehavior.ShouldBe(FaultBehavior.MayBlock);
    }

    [Fact]
    public void Truncation_takes_pages_away_and_dispose_takes_all()
    {
        File.WriteAllBytes(_temporary.Path, new byte[3 * Page]);
        FileBacking memory = new FileBacking(_temporary.Path);
        using (FileStream stream = new(_temporary.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            stream.SetLength((long)Page + 1);
        }

        SelfProbe.Access(memory.Mapping).ShouldBe("r-");
        SelfProbe.Access(memory.Mapping + Page).ShouldBe("r-");
        SelfProbe.Access(memory.Mapping + (2 * Page)).ShouldBe("--");
        memory.Dispose();
        SelfProbe.Access(memory.Mapping).ShouldBe("--");
        SelfProbe.MappedBytes((ulong)memory.Mapping, 3 * Page).ShouldBe(3 * Page);
        Should.Throw<ObjectDisposedException>(() => memory.GetShareableRegions());
        GC.KeepAlive(memory);
    }
}
