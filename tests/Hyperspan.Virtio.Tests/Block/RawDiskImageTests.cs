using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio.Tests;

public class RawDiskImageTests
{
    [Fact]
    public void What_cannot_be_an_image_is_refused_in_one_line()
    {
        Refused(DiskImageError.NotFound, Path.Combine(Path.GetTempPath(), "hyperspan-there-is-no-such-image"));
        Refused(DiskImageError.IsDirectory, Path.GetTempPath());
        Refused(DiskImageError.IsDirectory, Path.GetTempPath(), readOnly: true);
        Refused(DiskImageError.NotAFile, "/dev/null");
        using (var empty = new TemporaryFile(0))
        {
            Refused(DiskImageError.InvalidSize, empty.Path);
        }

        using var odd = new TemporaryFile(1000);
        Refused(DiskImageError.InvalidSize, odd.Path).Message.ShouldContain("1000 bytes, is not a multiple of 512");
        Should.Throw<ArgumentException>(() => RawDiskImage.Open(""));
        Should.Throw<ArgumentOutOfRangeException>(() => RawDiskImage.Open("disk", FileAccess.Write));
    }

    [Fact]
    public void A_path_is_not_what_comes_before_a_null_character()
    {
        using var file = new TemporaryFile(4096);
        Should.Throw<ArgumentException>(() => RawDiskImage.Open(file.Path + "\0.img")).ParamName.ShouldBe("path");
    }

    [Theory]
    [InlineData(4096, 512)]
    [InlineData(8192, 512)]
    [InlineData(512, 4096)]
    [InlineData(512, ulong.MaxValue - 511)]
    [InlineData(ulong.MaxValue - 511, 512)]
    [InlineData(ulong.MaxValue - 511, 4096)]
    [InlineData(ulong.MaxValue - 4095, 8192)]
    [InlineData(63, ulong.MaxValue - 1)]
    public void What_is_not_all_inside_is_neither_zeroed_nor_discarded(ulong offset, ulong length)
    {
        byte[] content = [.. Enumerable.Repeat((byte)7, 4096)];
        using var file = new TemporaryFile(content);
        using (RawDiskImage image = RawDiskImage.Open(file.Path))
        {
            image.Discard(offset, length).ErrorNumber.ShouldBe(ErrorNumber.InputOutput);
            image.WriteZeroes(offset, length, mayUnmap: false).ErrorNumber.ShouldBe(ErrorNumber.InputOutput);
            image.WriteZeroes(offset, length, mayUnmap: true).ErrorNumber.ShouldBe(ErrorNumber.InputOutput);
            image.Discard(4096, 0).Succeeded.ShouldBe(image.WriteZeroes(4096, 0, mayUnmap: true).Succeeded);
        }

        File.ReadAllBytes(file.Path).ShouldBe(content);
    }

    [Fact]
    public void Another_instance_is_refused()
    {
        using var file = new TemporaryFile(4096);
        using (RawDiskImage.Open(file.Path))
        {
            Refused(DiskImageError.Locked, file.Path);
            Refused(DiskImageError.Locked, file.Path, readOnly: true);
        }

        using (RawDiskImage.Open(file.Path, FileAccess.Read))
        using (RawDiskImage.Open(file.Path, FileAccess.Read))
        {
            Refused(DiskImageError.Locked, file.Path);
        }

        RawDiskImage.Open(file.Path).Dispose();
    }

    /// <summary>As one has to that comes after a process that was killed: what that had in flight holds the lock for a moment.</summary>
    [LinuxFact]
    public async Task Who_waits_for_the_lock_has_it_when_it_is_given_up()
    {
        using var file = new TemporaryFile(4096);
        using SafeFileHandle other = File.OpenHandle(file.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Task taken;
        using (RawDiskImage.Open(file.Path))
        {
            taken = Task.Run(() => RawDiskImage.TakeLock(file.Path, other, readOnly: false, TimeSpan.FromMinutes(5)));
            (await Task.WhenAny(taken, Task.Delay(100))).ShouldNotBe(taken);
        }

        await taken;
        Refused(DiskImageError.Locked, file.Path);
    }

    /// <summary>An image of qcow2 is as long as it happens to be, which is not what is wrong with it.</summary>
    [LinuxTheory]
    [InlineData(512)]
    [InlineData(196616)]
    public void What_another_format_is_comes_before_its_length(long length)
    {
        using var file = new TemporaryFile(length);
        using (FileStream stream = File.OpenWrite(file.Path))
        {
            stream.Write([(byte)'Q', (byte)'F', (byte)'I', 0xfb]);
        }

        var options = new RawDiskImageOptions { ReadOnly = true, RefuseOtherFormats = true };
        Should.Throw<DiskImageException>(() => RawDiskImage.Open(file.Path, options)).Error.ShouldBe(DiskImageError.OtherFormat);
    }

    [Theory]
    [InlineData(0, "514649fb00000002", "qcow2")]
    [InlineData(0, "514649fb00000001", "qcow2")]
    [InlineData(0, "51454400", "QED")]
    [InlineData(0, "4b444d5601000000", "VMDK")]
    [InlineData(0, "434f5744", "VMDK")]
    [InlineData(64, "7f10dabe", "VDI")]
    [InlineData(0, "7668647866696c65", "VHDX")]
    [InlineData(0, "636f6e6563746978", "VHD")]
    [InlineData(65024, "636f6e6563746978", "VHD")]
    [InlineData(0, "4c554b53babe0001", "LUKS")]
    [InlineData(0, "4c554b53babe0002", "LUKS")]
    [InlineData(0, "23204469736b2044657363726970746f7246696c65", "VMDK")]
    public void A_file_with_the_mark_of_another_format_is_refused_on_demand(int offset, string mark, string name)
    {
        using var file = new TemporaryFile(65536);
        using (FileStream stream = File.OpenWrite(file.Path))
        {
            stream.Position = offset;
            stream.Write(Convert.FromHexString(mark));
        }

        foreach (bool readOnly in (bool[])[false, true])
        {
            var options = new RawDiskImageOptions { ReadOnly = readOnly, RefuseOtherFormats = true };
            DiskImageException refusal = Should.Throw<DiskImageException>(() => RawDiskImage.Open(file.Path, options));
            refusal.Error.ShouldBe(DiskImageError.OtherFormat);
            refusal.Message.ShouldContain(name);
        }

        RawDiskImage.Open(file.Path).Dispose();
    }

    [Theory]
    [InlineData(false, 101, false)]
    [InlineData(false, 201, false)]
    [InlineData(false, 200, false)]
    [InlineData(true, 101, false)]
    [InlineData(true, 100, true)]
    [InlineData(true, 201, true)]
    [InlineData(false, 100, true)]
    public void The_lock_is_that_of_qemu(bool readOnly, long heldByte, bool isCompatible)
    {
        using var file = new TemporaryFile(4096);
        using FileStream other = new(file.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var held = new FileLock { Type = FileLockType.Read, Start = heldByte, Length = 1 };
        unsafe
        {
            // SAFETY: the structure outlives the call and has the layout of struct flock.
            LibC.Fcntl(other.SafeFileHandle, FileCommand.SetOpenFileLock, (nint)(&held)).ShouldBe(0);
        }

        if (isCompatible)
        {
            RawDiskImage.Open(file.Path, readOnly ? FileAccess.Read : FileAccess.ReadWrite).Dispose();
        }
        else
        {
            Refused(DiskImageError.Locked, file.Path, readOnly);
        }
    }

    [Fact]
    public void Reads_writes_and_flushes()
    {
        using var file = new TemporaryFile(1 << 20);
        var bytes = new byte[8192];
        new Random(3).NextBytes(bytes);
        using (var bed = new BlockBed(RawDiskImage.Open(file.Path)))
        {
            bed.Device.Capacity.ShouldBe(2048UL);
            bed.Memory.Write(BlockBed.Data, bytes);
            bed.Driver.Write(5, BlockBed.Data, 8192).ShouldBe(BlockStatus.Ok);
            bed.Driver.Flush().ShouldBe(BlockStatus.Ok);
            bed.Run(BlockRequestType.Read, 6, [], [new(BlockBed.Data + 0x8000, 1000), new(BlockBed.Data + 0x9001, 24)])
                .Status.ShouldBe(BlockStatus.Ok);
            var read = new byte[1024];
            bed.Memory.Read(BlockBed.Data + 0x8000, read.AsSpan(0, 1000));
            bed.Memory.Read(BlockBed.Data + 0x9001, read.AsSpan(1000));
            read.ShouldBe(bytes[512..1536]);
        }

        File.ReadAllBytes(file.Path).AsSpan(5 * 512, 8192).ToArray().ShouldBe(bytes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Zeroes_and_holes(bool unmap)
    {
        using var file = new TemporaryFile(1 << 20);
        var bytes = new byte[1 << 20];
        new Random(4).NextBytes(bytes);
        File.WriteAllBytes(file.Path, bytes);
        using (var bed = new BlockBed(RawDiskImage.Open(file.Path)))
        {
            // Not aligned to a page: the ends have to be written, not deallocated.
            bed.Driver.WriteZeroes(3, 301, unmap).ShouldBe(BlockStatus.Ok);
            bed.Driver.Discard(1024, 512).ShouldBe(BlockStatus.Ok);
        }

        byte[] after = File.ReadAllBytes(file.Path);
        after.Length.ShouldBe(1 << 20, "the size stays");
        bytes.AsSpan(3 * 512, 301 * 512).Clear();
        after.AsSpan(0, 1024 * 512).SequenceEqual(bytes.AsSpan(0, 1024 * 512)).ShouldBeTrue();
        after.AsSpan(1536 * 512).SequenceEqual(bytes.AsSpan(1536 * 512)).ShouldBeTrue();
    }

    [Fact]
    public void Read_only_images()
    {
        using var file = new TemporaryFile(4096);
        using var bed = new BlockBed(RawDiskImage.Open(file.Path, FileAccess.Read));
        bed.Device.IsReadOnly.ShouldBeTrue();
        bed.Driver.Write(0, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        bed.Driver.Read(0, BlockBed.Data, 4096).ShouldBe(BlockStatus.Ok);
        bed.Driver.Flush().ShouldBe(BlockStatus.Ok);
    }

    [Fact]
    public void An_image_truncated_meanwhile_ends_in_io_errors()
    {
        using var file = new TemporaryFile(1 << 20);
        using var bed = new BlockBed(RawDiskImage.Open(file.Path));
        using (FileStream other = new(file.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            other.SetLength(4096);
        }

        bed.Driver.Read(8, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        bed.Driver.Read(7, BlockBed.Data, 1024).ShouldBe(BlockStatus.IoError);
        bed.Driver.Read(7, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
        bed.DeviceQueue.IsBroken.ShouldBeFalse();
    }

    [Fact]
    public void Chains_of_many_buffers()
    {
        using var file = new TemporaryFile(1 << 20);
        using var bed = new BlockBed(RawDiskImage.Open(file.Path), size: 1024);
        var bytes = new byte[512 * 800];
        new Random(5).NextBytes(bytes);
        bed.Memory.Write(BlockBed.Data, bytes);
        ChainSegment[] segments = [.. Enumerable.Range(0, 800).Select(i => new ChainSegment(BlockBed.Data + (512UL * (uint)(799 - i)), 512))];
        bed.Run(BlockRequestType.Write, 0, segments, []).Status.ShouldBe(BlockStatus.Ok);
        bed.Memory.Clear(BlockBed.Data, (ulong)bytes.Length);
        bed.Run(BlockRequestType.Read, 0, [], segments).Status.ShouldBe(BlockStatus.Ok);
        var read = new byte[bytes.Length];
        bed.Memory.Read(BlockBed.Data, read);
        read.AsSpan().SequenceEqual(bytes).ShouldBeTrue();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Memory_without_a_mapping_is_copied(bool write)
    {
        using var file = new TemporaryFile(1 << 20);
        var bytes = new byte[0x18000];
        new Random(6).NextBytes(bytes);
        if (!write)
        {
            File.WriteAllBytes(file.Path, [.. bytes, .. new byte[(1 << 20) - bytes.Length]]);
        }

        using (GuestMemory memory = new(new CountingBacking((int)BlockBed.MemorySize), "counted"))
        using (var bed = new BlockBed(RawDiskImage.Open(file.Path), memory: memory))
        {
            ChainSegment[] buffers = [new(BlockBed.Data, 0x17FFF), new(0x80000, 1)];
            if (write)
            {
                memory.Write(BlockBed.Data, bytes.AsSpan(0, 0x17FFF));
                memory.Write(0x80000, bytes[^1]);
                bed.Run(BlockRequestType.Write, 0, buffers, []).Status.ShouldBe(BlockStatus.Ok);
            }
            else
            {
                bed.Run(BlockRequestType.Read, 0, [], buffers).Status.ShouldBe(BlockStatus.Ok);
                var read = new byte[0x17FFF];
                memory.Read(BlockBed.Data, read);
                read.AsSpan().SequenceEqual(bytes.AsSpan(0, 0x17FFF)).ShouldBeTrue();
                memory.Read<byte>(0x80000).ShouldBe(bytes[^1]);
            }
        }

        File.ReadAllBytes(file.Path).AsSpan(0, 0x18000).SequenceEqual(bytes).ShouldBeTrue();
    }

    private static DiskImageException Refused(DiskImageError error, string path, bool readOnly = false)
    {
        DiskImageException refusal = Should.Throw<DiskImageException>(() => RawDiskImage.Open(path, readOnly ? FileAccess.Read : FileAccess.ReadWrite));
        refusal.Error.ShouldBe(error, refusal.Message);
        refusal.Path.ShouldBe(path);
        refusal.Message.ShouldStartWith(path);
        refusal.Message.ShouldNotContain("\n");
        return refusal;
    }
}
