using System.Runtime.InteropServices;
using System.Text;

namespace Hyperspan.Consumer.Tests;

/// <summary>Ordinary tasks: make memory, read and write it, copy it, search it.</summary>
public class AccessTasks
{
    private const ulong MiB = 1 << 20;

    [Fact]
    public void Make_memory_with_two_regions_and_a_hole()
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, new HeapBacking(640 << 10))
            .AddRegion(MiB, new HeapBacking(3 * MiB))
            .Build();
        memory.Contains(0, 640 << 10).ShouldBeTrue();
        memory.Contains(MiB).ShouldBeTrue();
        memory.Contains(MiB - 1).ShouldBeFalse();
        memory.Contains(GuestRange.FromBounds(0, MiB + 1)).ShouldBeFalse();
        memory.TryFindRegion(0xa0000, out _).ShouldBeFalse();
        memory.TryFindRegion(2 * MiB, out GuestMemoryRegion? high).ShouldBeTrue();
        memory.FindRegion(2 * MiB).ShouldBe(high);
        Should.Throw<GuestMemoryException>(() => memory.FindRegion(0xa0000)).Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        high.Range.ShouldBe(new GuestRange(MiB, 3 * MiB));
        memory.Read<ulong>(4 * MiB - 8).ShouldBe(0UL);
        Should.Throw<GuestMemoryException>(() => memory.Read<ulong>(640 << 10)).Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
    }

    [Fact]
    public void Read_and_write_values_and_structs()
    {
        using GuestMemory memory = GuestMemory.Allocate(MiB);
        GuestAddress at = 0x1000;
        memory.Write(at, 42u);
        memory.Read<uint>(at).ShouldBe(42u);

        var header = new Header { Magic = 0x7fff_0001, Version = 3, Flags = 0x10, Length = 512 };
        memory.Write(at, header);
        memory.Read<Header>(at).ShouldBe(header);

        long stride = 16;
        for (int i = 0; i < 8; i++)
        {
            memory.Write(at + (i * stride), header with { Version = (ushort)i });
        }

        memory.ReadArray<Header>(at, 8).Select(h => (int)h.Version).ShouldBe(Enumerable.Range(0, 8));
        Span<ulong> words = stackalloc ulong[2];
        memory.Read(at, words);
        words[1].ShouldBe(512UL);
        memory.Write(at, words);

        memory.TryRead(MiB, out Header none, out GuestMemoryFault fault).ShouldBeFalse();
        none.ShouldBe(default);
        fault.Address.ShouldBe(new GuestAddress(MiB));

        memory.Exchange(at, 1u).ShouldBe(0x7fff_0001u);
        memory.Add(at, 9u).ShouldBe(10u);
        memory.Or(at, 5u).ShouldBe(10u);
        memory.CompareExchange(at, 7u, 15u).ShouldBe(15u);
        memory.Fill(new GuestRange(at, 64), 0xff);
        memory.Clear(new GuestRange(at, 8));
        memory.Read<ulong>(at + 8L).ShouldBe(ulong.MaxValue);
    }

    [Fact]
    public void Read_and_write_strings()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        memory.Write(0x100, "root=/dev/vda quiet\0garbage"u8);
        memory.ReadString(0x100, maxLength: 256).ShouldBe("root=/dev/vda quiet");
        memory.ReadString(0x100, 4).ShouldBe("root");
        memory.WriteString(0x200, "größe", Encoding.Latin1);
        memory.ReadString(0x200, 64, Encoding.Latin1).ShouldBe("größe");
        memory.SequenceEqual(0x200, Encoding.Latin1.GetBytes("größe\0")).ShouldBeTrue();

        memory.Fill(0xff0, (byte)'x', 16);
        memory.ReadString(0xff0, 16).ShouldBe(new string('x', 16));
        memory.TryReadString(0xff0, 17, out string? text, out GuestMemoryFault fault).ShouldBeFalse();
        text.ShouldBeNull();
        fault.Address.ShouldBe(new GuestAddress(0x1000));
        memory.Write(0x300, Enumerable.Repeat((byte)'y', 0xc00).ToArray());
        memory.ReadString(0x300, int.MaxValue).Length.ShouldBe(0xc00);
    }

    [Fact]
    public void Copy_between_memories()
    {
        using GuestMemory source = GuestMemory.Allocate(MiB);
        using GuestMemory destination = GuestMemory.Allocate(MiB);
        source.Write(0x1234, "payload"u8);
        source.CopyTo(0x1234, destination, 0x10, 7);
        destination.ReadString(0x10, 7).ShouldBe("payload");
        source.CopyTo(new GuestRange(0x1234, 7), destination, 0x20);
        destination.ReadArray<byte>(0x20, 7).ShouldBe("payload"u8.ToArray());
        source.TryCopyTo(MiB - 4, destination, 0, 8, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Address.ShouldBe(new GuestAddress(MiB));
    }

    [Fact]
    public void Walk_page_tables()
    {
        using GuestMemory memory = GuestMemory.Allocate(MiB);
        const ulong Virtual = 0xffff_8000_1234_5678;
        GuestAddress root = 0x1000;
        GuestAddress table = root;
        for (int level = 3; level >= 0; level--)
        {
            GuestAddress next = level == 0 ? 0x77000 : table + 0x1000UL;
            memory.Write(EntryAddress(table, Virtual, level), next.Value | 1);
            table = next;
        }

        Translate(memory, root, Virtual).ShouldBe(new GuestAddress(0x77678));
        Translate(memory, root, Virtual ^ 0x1000).ShouldBeNull();
        memory.Write(EntryAddress(root, Virtual, 3), 0x0000_7fff_ffff_f001UL);
        Translate(memory, root, Virtual).ShouldBeNull();

        static GuestAddress EntryAddress(GuestAddress table, ulong address, int level) => table + (((address >> (12 + (9 * level))) & 511) * 8);

        static GuestAddress? Translate(GuestMemory memory, GuestAddress table, ulong address)
        {
            for (int level = 3; level >= 0; level--)
            {
                if (!memory.TryRead(EntryAddress(table, address, level), out ulong entry) || (entry & 1) == 0)
                {
                    return null;
                }

                table = new GuestAddress(entry & 0x000f_ffff_ffff_f000);
            }

            return table + (address & 0xfff);
        }
    }

    [Fact]
    public void Search_a_dump()
    {
        byte[] image = new byte[(int)MiB];
        "KDBG"u8.CopyTo(image.AsSpan(0x4_5670));
        using var file = new TemporaryFile(image);
        using var memory = new GuestMemory(new FileBacking(file.Path), "dump");
        foreach (GuestMemoryRegion region in memory.Regions)
        {
            GuestAddress found = memory.IndexOf(region.Range, "KDBG"u8)!.Value;
            found.ShouldBe(new GuestAddress(0x4_5670));
            using var text = new StringWriter();
            memory.Dump(new GuestRange(found, 16), text);
            text.ToString().ShouldContain("4b 44 42 47");
            text.ToString().ShouldContain("|KDBG............|");
        }

        memory.ReadAvailable(MiB - 10, new byte[100]).ShouldBe(10);
        Should.Throw<FileNotFoundException>(() => new FileBacking(file.Path + ".missing"));
    }

    [Fact]
    public void Type_what_comes_to_mind_first()
    {
        using var memory = GuestMemory.Allocate(MiB);
        ulong address = 0x1000;
        memory.WriteByte(address, 0x55);
        memory.ReadByte(address).ShouldBe((byte)0x55);
        memory.TryWriteByte(address + 1, 0xaa, out _).ShouldBeTrue();
        memory.TryReadByte(address + 1, out byte value, out _).ShouldBeTrue();
        value.ShouldBe((byte)0xaa);
        memory.TryReadByte(MiB, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);

        memory.Copy(address, address + 1, 2);
        memory.Read<uint>(address).ShouldBe(0x00aa5555u);
        memory.TryCopy(address, MiB - 1, 2, out fault).ShouldBeFalse();
        fault.Address.ShouldBe(new GuestAddress(MiB));
        memory.Copy(new GuestRange(address, 3), 0x800);
        memory.TryCopy(new GuestRange(0x800, 3), 0x900, out _).ShouldBeTrue();
        memory.ReadArray<byte>(0x900, 3).ShouldBe([0x55, 0x55, 0xaa]);
        memory.Clear(0x800, 0x103);

        memory.IndexOf(0, MiB, (byte)0xaa).ShouldBe(new GuestAddress(0x1002));
        memory.IndexOf(new GuestRange(0, 0x1000), (byte)0xaa).ShouldBeNull();
        memory.TryIndexOf(0, MiB + 1, (byte)1, out GuestAddress? found, out fault).ShouldBeFalse();
        memory.TryIndexOf(new GuestRange(address, 16), (byte)0, out found, out _).ShouldBeTrue();
        found.ShouldBe(new GuestAddress(0x1003));

        memory.TryFindRegion(address, out GuestMemoryRegion? region).ShouldBeTrue();
        (region.Start, region.Length, region.Name).ShouldBe((new GuestAddress(0), MiB, region.Backing!.Name));
    }

    [Fact]
    public unsafe void Pin_a_range_and_use_it_as_memory()
    {
        using var memory = GuestMemory.Allocate(MiB);
        using (PinnedMemory pin = memory.Pin(0x1234, 100))
        {
            pin.Span.Fill(7);
            pin.Memory.Length.ShouldBe(100);
            pin.ReadOnlyMemory.Span[99].ShouldBe((byte)7);
            pin.Pointer[98].ShouldBe((byte)7);
        }

        memory.Read<ulong>(0x1234 + 92).ShouldBe(0x0707070707070707UL);
        using (PinnedMemory pin = memory.Pin(new GuestRange(0x2000, 0)))
        {
            pin.Span.IsEmpty.ShouldBeTrue();
            (pin.Pointer == null).ShouldBeTrue();
        }

        using (PinnedMemory pages = memory.PinPages([1, 3], AccessType.Read))
        {
            Should.Throw<InvalidOperationException>(() => pages.ReadOnlyMemory).Message.ShouldContain("2 pieces");
            Should.Throw<InvalidOperationException>(() => pages.Memory);
            Should.Throw<InvalidOperationException>(() => (nint)pages.Pointer).Message.ShouldContain("2 pieces");
        }

        memory.TryPin(MiB - 4, 8, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Address.ShouldBe(new GuestAddress(MiB));
        memory.TryPin(new GuestRange(0, 8), out PinnedMemory? disposed, out _).ShouldBeTrue();
        disposed!.Dispose();
        Should.Throw<ObjectDisposedException>(() => (nint)disposed.Pointer);
        Should.Throw<ObjectDisposedException>(() => disposed.Memory);
        Should.Throw<GuestMemoryException>(() => memory.Pin(MiB - 4, 8));
    }

    [StructLayout(LayoutKind.Sequential)]
    private record struct Header
    {
        public uint Magic;
        public ushort Version;
        public ushort Flags;
        public ulong Length;
    }
}
