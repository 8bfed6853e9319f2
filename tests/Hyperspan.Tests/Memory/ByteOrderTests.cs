using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Tests;

/// <summary>Integers in a byte order, against the bytes in memory: each width and each direction by itself.</summary>
public class ByteOrderTests
{
    private const ushort Two = 0x8182;
    private const uint Four = 0x81828384;
    private const ulong Eight = 0x8182838485868788;

    private static readonly byte[] Ascending = [0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88];

    [Fact]
    public void Big_endian_values_are_read_with_the_first_byte_as_the_highest()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        memory.Write(8, Ascending);
        memory.ReadUInt16BigEndian(8).ShouldBe(Two);
        memory.ReadUInt32BigEndian(8).ShouldBe(Four);
        memory.ReadUInt64BigEndian(8).ShouldBe(Eight);
        memory.TryReadUInt16BigEndian(8, out ushort two, out _).ShouldBeTrue();
        memory.TryReadUInt32BigEndian(8, out uint four, out _).ShouldBeTrue();
        memory.TryReadUInt64BigEndian(8, out ulong eight, out _).ShouldBeTrue();
        (two, four, eight).ShouldBe((Two, Four, Eight));
        ((ushort)memory.Read<Be16>(8), (uint)memory.Read<Be32>(8), (ulong)memory.Read<Be64>(8)).ShouldBe((Two, Four, Eight));
    }

    [Fact]
    public void Little_endian_values_are_read_with_the_first_byte_as_the_lowest()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        Write(memory, 0, 2);
        Write(memory, 8, 4);
        Write(memory, 16, 8);
        memory.ReadUInt16LittleEndian(0).ShouldBe(Two);
        memory.ReadUInt32LittleEndian(8).ShouldBe(Four);
        memory.ReadUInt64LittleEndian(16).ShouldBe(Eight);
        memory.TryReadUInt16LittleEndian(0, out ushort two, out _).ShouldBeTrue();
        memory.TryReadUInt32LittleEndian(8, out uint four, out _).ShouldBeTrue();
        memory.TryReadUInt64LittleEndian(16, out ulong eight, out _).ShouldBeTrue();
        (two, four, eight).ShouldBe((Two, Four, Eight));
        ((ushort)memory.Read<Le16>(0), (uint)memory.Read<Le32>(8), (ulong)memory.Read<Le64>(16)).ShouldBe((Two, Four, Eight));

        static void Write(GuestMemory memory, ulong at, int length) => memory.Write(at, Ascending[..length].Reverse().ToArray());
    }

    [Fact]
    public void Values_are_written_byte_by_byte_in_their_order()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        memory.WriteUInt16BigEndian(0, Two);
        memory.WriteUInt32BigEndian(16, Four);
        memory.WriteUInt64BigEndian(32, Eight);
        memory.TryWriteUInt16BigEndian(48, Two, out _).ShouldBeTrue();
        memory.TryWriteUInt32BigEndian(64, Four, out _).ShouldBeTrue();
        memory.TryWriteUInt64BigEndian(80, Eight, out _).ShouldBeTrue();
        memory.Write(96, (Be16)Two);
        memory.Write<Be32>(112, Four);
        memory.Write<Be64>(128, Eight);
        memory.WriteUInt16LittleEndian(144, Two);
        memory.WriteUInt32LittleEndian(160, Four);
        memory.WriteUInt64LittleEndian(176, Eight);
        memory.TryWriteUInt16LittleEndian(192, Two, out _).ShouldBeTrue();
        memory.TryWriteUInt32LittleEndian(208, Four, out _).ShouldBeTrue();
        memory.TryWriteUInt64LittleEndian(224, Eight, out _).ShouldBeTrue();
        memory.Write<Le16>(240, Two);
        memory.Write<Le32>(256, Four);
        memory.Write<Le64>(272, Eight);
        int[] lengths = [2, 4, 8];
        for (ulong at = 0; at < 288; at += 16)
        {
            byte[] there = memory.ReadArray<byte>(at, lengths[at / 16 % 3]);
            (at < 144 ? there : [.. there.Reverse()]).ShouldBe(Ascending[..there.Length], $"at {at}");
        }
    }

    [Fact]
    public void They_stand_as_fields_in_a_structure()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        Unsafe.SizeOf<Header>().ShouldBe(16);
        memory.Write(0, new Header { Type = 1, Length = 0x0203, Flags = 4, Sector = 5 });
        memory.ReadArray<byte>(0, 16).ShouldBe([1, 0, 0, 0, 2, 3, 4, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
        Header read = memory.Read<Header>(0);
        (read.Type == 1, read.Length == 0x0203, read.Flags == 4, read.Sector == 5).ShouldBe((true, true, true, true));
    }

    [Fact]
    public void They_are_numbers()
    {
        Le16 little = 300;
        Be16 big = 300;
        (little + 1, big + 1).ShouldBe((301, 301));
        (little == 300, big == 301, little.Equals((Le16)300)).ShouldBe((true, false, true));
        little.GetHashCode().ShouldBe(((Le16)300).GetHashCode());
        ((ushort)default(Le16), (uint)default(Be32), (ulong)default(Le64)).ShouldBe(((ushort)0, 0u, 0ul));
        string[] texts = [little.ToString(), big.ToString(), ((Le32)Four).ToString(), ((Be32)Four).ToString(), ((Le64)Eight).ToString(), ((Be64)Eight).ToString()];
        texts.ShouldBe(["300", "300", "2172814212", "2172814212", "9332165983064197000", "9332165983064197000"]);
    }

    [Fact]
    public void What_cannot_be_accessed_is_a_fault()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        memory.TryReadUInt32LittleEndian(4093, out uint value, out GuestMemoryFault fault).ShouldBeFalse();
        (value, fault.Kind).ShouldBe((0u, GuestMemoryFaultKind.OutOfRange));
        memory.TryWriteUInt64BigEndian(4096, 1, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        Should.Throw<GuestMemoryException>(() => memory.ReadUInt16BigEndian(4095));
        Should.Throw<GuestMemoryException>(() => memory.WriteUInt16LittleEndian(4095, 1));
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        internal Le32 Type;
        internal Be16 Length;
        internal Le16 Flags;
        internal Le64 Sector;
    }
}
