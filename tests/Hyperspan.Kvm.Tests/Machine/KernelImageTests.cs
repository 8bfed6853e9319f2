using System.Buffers.Binary;

namespace Hyperspan.Kvm.Tests.Machine;

/// <summary>What is recognized as a program, and what is refused with which words. Needs no KVM.</summary>
public sealed class KernelImageTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("#!/bin/sh\n", "a script")]
    [InlineData("hello, I am a text file", "text")]
    [InlineData("070701000000", "cpio")]
    public void What_is_no_kernel_is_refused_by_name(string content, string words)
    {
        File.WriteAllText(_path, content);
        Should.Throw<MachineException>(() => KernelImage.Open(_path)).Message.ShouldContain(words);
    }

    [Fact]
    public void Archives_and_images_are_refused_by_name()
    {
        Refused([0x1f, 0x8b, 8, 0, 0]).ShouldContain("gzip");
        Refused([0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0]).ShouldContain("xz");
        Refused([(byte)'Q', (byte)'F', (byte)'I', 0xfb, 0, 0]).ShouldContain("qcow2");
        byte[] disk = new byte[1024];
        disk[510] = 0x55;
        disk[511] = 0xaa;
        Refused(disk).ShouldContain("boot sector");
        disk[1] = (byte)'Z';
        disk[0] = (byte)'M';
        Refused(disk).ShouldContain("EFI");
    }

    [Fact]
    public void Other_bytes_are_a_flat_program()
    {
        KernelImage image = Opened([0xf4, 0x90]);
        image.Format.ShouldBe(KernelFormat.Flat);
        image.Entry.ShouldBe(0x10_0000UL);
        using var memory = new GuestMemory(new HeapBacking(2 << 20), "ram");
        image.Load(memory);
        memory.Read<ushort>(0x10_0000).ShouldBe((ushort)0x90f4);
        using var small = new GuestMemory(new HeapBacking(1 << 20), "small");
        Should.Throw<MachineException>(() => image.Load(small)).Message.ShouldContain("needs memory up to 0x100002");
    }

    [Fact]
    public void A_Linux_image_is_checked_by_its_header()
    {
        Opened(Linux()).Format.ShouldBe(KernelFormat.LinuxImage);
        Opened(Linux()).End.ShouldBe(0x100_0000UL + 0x2000);
        Refused(Linux()[..2048]).ShouldContain("cut short");
        Refused(Linux()[..4096]).ShouldContain("shorter than its header says");
        byte[] old = Linux();
        old[0x206] = 0x09;
        Refused(old).ShouldContain("boot protocol 2.09");
        byte[] narrow = Linux();
        narrow[0x236] = 0;
        Refused(narrow).ShouldContain("no 64-bit entry");
    }

    [Fact]
    public void An_ELF_file_begins_at_its_entry_or_where_its_note_says()
    {
        KernelImage plain = Opened(Elf(note: false));
        plain.Format.ShouldBe(KernelFormat.Elf);
        plain.Entry.ShouldBe(0x20_0000UL);
        plain.End.ShouldBe(0x20_0000UL + 0x3000);
        KernelImage pvh = Opened(Elf(note: true));
        pvh.Format.ShouldBe(KernelFormat.PvhElf);
        pvh.Entry.ShouldBe(0x20_0010UL);
        Refused(Elf(note: false)[..100]).ShouldContain("cut short");
        byte[] arm = Elf(note: false);
        arm[18] = 183;
        Refused(arm).ShouldContain("another processor");
        byte[] low = Elf(note: false);
        BinaryPrimitives.WriteUInt64LittleEndian(low.AsSpan(64 + 24), 0x1000);
        Refused(low).ShouldContain("machine's tables");
        byte[] beyond = Elf(note: false);
        BinaryPrimitives.WriteUInt64LittleEndian(beyond.AsSpan(64 + 32), 0x7fff_ffff_ffff_ffff);
        Refused(beyond).ShouldContain("a segment is not there");
    }

    [Fact]
    public void Any_bytes_are_a_program_or_refused_and_nothing_else()
    {
        var random = new Random(15);
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = i % 2 == 0 ? Linux() : Elf(note: i % 4 == 1);
            for (int change = 0; change < 8; change++)
            {
                bytes[random.Next(Math.Min(bytes.Length, 0x280))] = (byte)random.Next(256);
            }

            using var memory = new GuestMemory(new HeapBacking(4 << 20), "ram");
            try
            {
                Opened(bytes[..random.Next(1, bytes.Length)]).Load(memory);
            }
            catch (MachineException)
            {
                // Refused.
            }
        }
    }

    /// <summary>The end of what it unpacks would be at the beginning of memory, where there is some.</summary>
    [LinuxFact]
    public void An_image_that_wants_to_be_past_the_end_of_addresses_is_refused()
    {
        byte[] image = Linux();
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(0x258), 0xffff_ffff_ffff_f000);
        using var memory = new GuestMemory(new HeapBacking(4 << 20), "ram");
        Should.Throw<MachineException>(() => Opened(image).Load(memory)).Message.ShouldContain("needs memory up to 0xffffffffffffffff");
    }

    [LinuxFact]
    public void An_ELF_file_is_loaded_on_both_sides_of_a_hole_and_each_byte_once()
    {
        byte[] file = Elf(note: false);
        file[56] = 2;
        Segment(file.AsSpan(120), 1, 0x1000, 0x1_0000_0000, 0x1000, 0x1000);
        using (GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(4 << 20)).AddRegion(0x1_0000_0000, new HeapBacking(0x1000)).Build())
        {
            Opened(file).Load(memory);
        }

        Segment(file.AsSpan(120), 1, 0x1000, 0x20_2fff, 0x1000, 0x1000);
        Refused(file).ShouldContain("segments overlap at 0x202fff");
    }

    private static byte[] Linux()
    {
        byte[] image = new byte[8192];
        image[0x1f1] = 4;
        image[0x1fe] = 0x55;
        image[0x1ff] = 0xaa;
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x1f4), (8192 - (5 * 512)) / 16);
        image[0x201] = 0x6a;
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(0x206), 0x20f);
        image[0x236] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x22c), 0x7fff_ffff);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x238), 2047);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(0x258), 0x100_0000);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x260), 0x2000);
        return image;
    }

    internal static byte[] Elf(bool note, byte[]? code = null)
    {
        byte[] file = new byte[0x2000];
        "\u007fELF"u8.CopyTo(file);
        file[4] = 2;
        file[5] = 1;
        file[18] = 62;
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(24), 0x20_0000);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(54), 56);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), (ushort)(note ? 2 : 1));
        Segment(file.AsSpan(64), 1, 0x1000, 0x20_0000, 0x1000, 0x3000);
        Segment(file.AsSpan(120), 4, 0x400, 0, 20, 20);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(0x400), 4);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(0x404), 4);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(0x408), 18);
        "Xen\0"u8.CopyTo(file.AsSpan(0x40c));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(0x410), 0x20_0010);
        code?.CopyTo(file, note ? 0x1010 : 0x1000);
        return file;
    }

    private static void Segment(Span<byte> at, uint type, ulong offset, ulong address, ulong length, ulong memoryLength)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(at, type);
        BinaryPrimitives.WriteUInt64LittleEndian(at[8..], offset);
        BinaryPrimitives.WriteUInt64LittleEndian(at[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(at[32..], length);
        BinaryPrimitives.WriteUInt64LittleEndian(at[40..], memoryLength);
    }

    private KernelImage Opened(byte[] bytes)
    {
        File.WriteAllBytes(_path, bytes);
        return KernelImage.Open(_path);
    }

    private string Refused(byte[] bytes) => Should.Throw<MachineException>(() => Opened(bytes)).Message;
}
