using Hyperspan.Tests.Backing;

using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>The test cases of the two source documents, restated.</summary>
public class SourceDocumentTests
{
    private const ulong Page = 4096;
    private const ulong MiB = 1 << 20;

    [Fact]
    public void Reads_and_writes_across_a_layout_with_holes()
    {
        using GuestMemory memory = new(HoledMapping(), "test");
        memory.Read<byte>(0).ShouldBe((byte)0);

        byte[] five = [1, 2, 3, 4, 5];
        memory.Write(0, five);
        memory.Read(0, 5).ShouldBe(five);
        for (byte i = 0; i < 5; i++)
        {
            memory.Read<byte>(i).ShouldBe((byte)(i + 1));
        }

        byte[] page = Pattern((int)Page);
        memory.Write(2 * MiB, page);
        memory.Read(2 * MiB, (int)Page).ShouldBe(page);

        byte[] mebibyte = Pattern((int)MiB);
        memory.Write(2 * MiB, mebibyte);
        memory.Read(2 * MiB, (int)MiB).ShouldBe(mebibyte);

        memory.TryRead(MiB, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Unmapped);
        fault.Cause.ShouldBe(FaultCause.SegmentationFault);
        Should.Throw<GuestMemoryException>(() => memory.Read<byte>(MiB)).Address.ShouldBe(new GuestAddress(MiB));
    }

    [Fact]
    public void Equal_regions_leave_gaps_out_of_range()
    {
        ulong length = 4 * MiB;
        var mapping = new SparseBacking(length);
        mapping.Commit(0, length);
        var shared = new MappedBacking(mapping);
        const ulong Region = 1UL << 30;
        using GuestMemory memory = new GuestMemoryBuilder("test").AddEqualRegions(Region, shared, null, shared).Build();

        memory.TryRead(0, out byte _).ShouldBeTrue();
        OutOfRange(memory, length);
        OutOfRange(memory, Region);
        memory.TryRead(2 * Region, out byte _).ShouldBeTrue();
        OutOfRange(memory, (2 * Region) + length);
        OutOfRange(memory, 3 * Region);

        memory.Write(4, 0x1234_5678u);
        memory.Read<uint>((2 * Region) + 4).ShouldBe(0x1234_5678u);
    }

    [Fact]
    public void Bitmap_forbids_pages()
    {
        var mapping = new SparseBacking(4 * Page);
        mapping.Commit(0, 4 * Page);
        using GuestMemory memory = new(new MappedBacking(mapping, [0b0101]), "test");

        memory.Read<byte>(0);
        memory.Read<byte>(Page - 1);
        Restricted(memory, Page - 1, 2, Page);
        Restricted(memory, Page, 1, Page);
        memory.Read<byte>(2 * Page);
        Restricted(memory, 0, (int)(2 * Page), Page);
    }

    [Fact]
    public void Handler_makes_pages_appear_or_refuses()
    {
        // What a handler puts in place is whole pages of the system's.
        ulong unit = SelfProbe.Page;
        using var backing = new FaultingBacking(4 * unit);
        using GuestMemory memory = new(backing, "test");

        Refused(memory.TryWrite(0, (byte)0, out GuestMemoryFault fault), fault, 0);
        Refused(memory.TryRead(unit - 1, out byte _, out fault), fault, unit - 1);
        memory.Read<byte>(unit);
        memory.Write(unit, (byte)0);
        Refused(memory.TryWrite((3 * unit) - 1, (ushort)0, out fault), fault, (3 * unit) - 1);
        Refused(memory.TryRead((3 * unit) - 1, out ushort _, out fault), fault, 3 * unit);
        memory.Read<byte>((3 * unit) - 1);
        Refused(memory.TryWrite((3 * unit) - 1, (byte)0, out fault), fault, (3 * unit) - 1);

        static void Refused(bool done, GuestMemoryFault fault, ulong address)
        {
            done.ShouldBeFalse();
            fault.Kind.ShouldBe(GuestMemoryFaultKind.Other);
            fault.Exception.ShouldBeSameAs(FaultingBacking.Refusal);
            fault.Address.ShouldBe(new GuestAddress(address));
        }
    }

    [Fact]
    public void Heap_buffer_is_accessible_to_its_sole_owner()
    {
        var heap = new HeapBacking(0x10000);
        var pattern = new byte[0x10000];
        Array.Fill(pattern, (byte)0x42);
        using (GuestMemory memory = new GuestMemoryBuilder("heap").AddRegion(0, heap).LeaveBackingsOpen().Build())
        {
            memory.Write(0, pattern);
            heap.TryAccess(0, (_, _) => { }).ShouldBeFalse("a memory refers to it");
        }

        byte[] seen = [];
        heap.TryAccess(0, (bytes, _) => seen = bytes.ToArray()).ShouldBeTrue();
        seen.ShouldBe(pattern);
    }

    [Fact]
    public void Bytes_at_a_base_address_round_trip_typed_writes()
    {
        using GuestMemory memory = BytesAt(0x4000_0000, 0x1000);
        memory.WriteUInt32LittleEndian(0x4000_0010, 0xDEAD_BEEF);
        memory.ReadUInt32LittleEndian(0x4000_0010).ShouldBe(0xDEAD_BEEF);
        memory.Read(0x4000_0010, 4).ShouldBe([0xEF, 0xBE, 0xAD, 0xDE]);
        memory.WriteUInt16LittleEndian(0x4000_0020, 0xABCD);
        memory.ReadUInt16LittleEndian(0x4000_0020).ShouldBe((ushort)0xABCD);
        memory.WriteUInt64LittleEndian(0x4000_0030, 0x0123_4567_89AB_CDEF);
        memory.ReadUInt64LittleEndian(0x4000_0030).ShouldBe(0x0123_4567_89AB_CDEFUL);
    }

    [Fact]
    public void Bytes_at_a_base_address_refuse_below_the_base()
    {
        using GuestMemory memory = BytesAt(0x4000_0000, 0x1000);
        memory.TryRead(0x3FFF_FFFF, new byte[4], out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        fault.Address.ShouldBe(new GuestAddress(0x3FFF_FFFF));
    }

    [Fact]
    public void Bytes_at_a_base_address_refuse_straddling_the_top()
    {
        using GuestMemory memory = BytesAt(0x4000_0000, 0x10);
        memory.TryRead(0x4000_000C, new byte[8], out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        fault.Address.ShouldBe(new GuestAddress(0x4000_0010));
        fault.ToString().ShouldStartWith("guest memory 'slice': read error: failed to access 0x4000000c-0x40000014 at 0x40000010");
    }

    [Fact]
    public void Bytes_near_the_top_of_the_address_space_refuse_overflow()
    {
        using GuestMemory memory = BytesAt(ulong.MaxValue - 0x10, 0x10);
        memory.TryRead(ulong.MaxValue - 0x8, new byte[0x100], out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        fault.Address.ShouldBe(new GuestAddress(ulong.MaxValue));
        memory.TryRead(ulong.MaxValue - 1, out byte _).ShouldBeTrue("the last byte");
    }

    private static GuestMemory BytesAt(ulong address, int size) =>
        new GuestMemoryBuilder("slice").AddRegion(address, new HeapBacking(new byte[size])).Build();

    // 0 to 1 MiB RAM, 1 to 2 MiB empty, 2 to 3 MiB RAM, a page empty, RAM up to 4 MiB.
    private static MappedBacking HoledMapping()
    {
        var mapping = new SparseBacking(4 * MiB);
        mapping.Commit(0, MiB);
        mapping.Commit(2 * MiB, MiB);
        mapping.Commit((3 * MiB) + SelfProbe.Page, MiB - SelfProbe.Page);
        return new MappedBacking(mapping);
    }

    private static void OutOfRange(GuestMemory memory, ulong address)
    {
        memory.TryRead(address, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        fault.Address.ShouldBe(new GuestAddress(address));
    }

    private static void Restricted(GuestMemory memory, ulong address, int length, ulong at)
    {
        memory.TryRead(address, new byte[length], out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Restricted);
        fault.Cause.ShouldBe(FaultCause.AccessBitmap);
        fault.Address.ShouldBe(new GuestAddress(at));
    }
}
