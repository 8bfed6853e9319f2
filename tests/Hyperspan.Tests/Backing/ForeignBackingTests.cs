using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

[Collection(nameof(LifetimeTests))]
public sealed unsafe class ForeignBackingTests
{
    private static readonly ulong Page = SelfProbe.Page;

    [Fact]
    public void A_peer_that_can_shrink_the_file_makes_it_memory_that_may_fault()
    {
        using SafeFileHandle file = SelfProbe.MemoryFile(4 * Page);
        using ForeignBacking memory = new(file, Page, 3 * Page, new() { Name = "peer" });
        memory.FaultBehavior.ShouldBe(FaultBehavior.MayFault);
        memory.Name.ShouldBe("peer");
        memory.Mapping[0] = 1;
        SelfProbe.Truncate(file, 2 * Page);
        SelfProbe.Access(memory.Mapping).ShouldBe("rw");
        SelfProbe.Access(memory.Mapping + Page).ShouldBe("--");
    }

    [Fact]
    public void A_seal_on_a_file_that_is_too_short_does_not_help()
    {
        using SafeFileHandle file = SelfProbe.MemoryFile((2 * Page) + 100);
        SelfProbe.Seal(file, FileSeals.Shrink);
        using ForeignBacking fits = new(file, 0, (2 * Page) + 100);
        fits.Length.ShouldBe((2 * Page) + 100);
        fits.FaultBehavior.ShouldBe(FaultBehavior.Never);
        GuestMemoryMappingException e = Should.Throw<GuestMemoryMappingException>(
            () => new ForeignBacking(file, Page, Page + 101, new() { Name = "peer" }));
        e.Message.ShouldBe(
            $"'peer': cannot map the file for 0x0-0x{Page + 101:x}: the file has 0x{(2 * Page) + 100:x} bytes, which ends before offset 0x{Page:x} + length 0x{Page + 101:x}");
        e.ErrorNumber.ShouldBe(0);
        e.ErrorName.ShouldBe("");
        Should.Throw<GuestMemoryMappingException>(() => new ForeignBacking(file, 3 * Page, Page));
    }

    [Fact]
    public void Keeps_a_descriptor_of_its_own()
    {
        int descriptors = SelfProbe.SettledDescriptors();
        SafeFileHandle file = SelfProbe.MemoryFile(4 * Page);
        using ForeignBacking memory = new(file, 0, 4 * Page, new() { Prefault = true });
        SelfProbe.Resident(memory.Mapping, 4 * Page).ShouldBe(4 * Page);
        file.Dispose();
        ShareableRegion region = memory.GetShareableRegions().ShouldHaveSingleItem();
        region.Length.ShouldBe(4 * Page);
        RandomAccess.Write(region.Handle, "z"u8, 0);
        memory.Mapping[0].ShouldBe((byte)'z');
        memory.Dispose();
        SelfProbe.OpenDescriptors().ShouldBe(descriptors);
        SelfProbe.Access(memory.Mapping).ShouldBe("--");
        GC.KeepAlive(memory);
    }

    [Fact]
    public void Read_only_memory_does_not_need_permission_to_write()
    {
        using SafeFileHandle file = SelfProbe.MemoryFile(Page);
        SelfProbe.Seal(file, FileSeals.FutureWrite);
        Should.Throw<GuestMemoryMappingException>(() => new ForeignBacking(file, 0, Page)).Message.ShouldEndWith("; the file is sealed against writing");
        using ForeignBacking memory = new(file, 0, Page, new() { Writable = false });
        memory.IsWritable.ShouldBeFalse();
        memory.GetShareableRegions()[0].Writable.ShouldBeFalse();
        SelfProbe.Access(memory.Mapping).ShouldBe("r-");
    }

    [Fact]
    public void A_file_that_a_process_could_be_serving_may_block()
    {
        // Any file system that is not the kernel's own memory: the sender may have mounted it.
        string path = Path.Combine(AppContext.BaseDirectory, "foreign-" + Guid.NewGuid().ToString("N"));
        File.WriteAllBytes(path, new byte[Page]);
        try
        {
            using SafeFileHandle file = File.OpenHandle(path);
            using ForeignBacking memory = new(file, 0, Page, new() { Writable = false });
            bool memoryFileSystem = new DriveInfo(path).DriveFormat is "tmpfs" or "rootfs";
            memory.FaultBehavior.ShouldBe(memoryFileSystem ? FaultBehavior.MayFault : FaultBehavior.MayBlock);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Arguments_are_checked_and_nothing_leaks()
    {
        using SafeFileHandle file = SelfProbe.MemoryFile(4 * Page);
        using SafeFileHandle device = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
        int descriptors = SelfProbe.SettledDescriptors();
        Should.Throw<ArgumentNullException>(() => new ForeignBacking(null!, 0, Page));
        Should.Throw<ArgumentException>(() => new ForeignBacking(file, 1, Page)).ParamName.ShouldBe("fileOffset");
        Should.Throw<ArgumentOutOfRangeException>(() => new ForeignBacking(file, 0, 0)).ParamName.ShouldBe("length");
        Should.Throw<ArgumentOutOfRangeException>(() => new ForeignBacking(file, 0, ulong.MaxValue)).ParamName.ShouldBe("length");
        Should.Throw<ArgumentOutOfRangeException>(() => new ForeignBacking(file, 1UL << 63, Page)).ParamName.ShouldBe("fileOffset");
        Should.Throw<GuestMemoryMappingException>(() => new ForeignBacking(device, 0, Page)).Message
            .ShouldEndWith("; this kind of file cannot be mapped");
        SelfProbe.OpenDescriptors().ShouldBe(descriptors);
    }
}
