namespace Hyperspan.Tests;

/// <summary>The accessors in big-endian order against the bytes in memory, each width and each direction by itself.</summary>
public class BigEndianTests
{
    private static readonly byte[] Bytes = [0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88];

    [Fact]
    public void Values_are_read_with_the_first_byte_as_the_highest()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        memory.Write(8, Bytes);
        memory.ReadUInt16BigEndian(8).ShouldBe((ushort)0x8182);
        memory.ReadUInt32BigEndian(8).ShouldBe(0x81828384u);
        memory.ReadUInt64BigEndian(8).ShouldBe(0x8182838485868788ul);
        memory.ReadInt16BigEndian(8).ShouldBe(unchecked((short)0x8182));
        memory.ReadInt32BigEndian(8).ShouldBe(unchecked((int)0x81828384));
        memory.ReadInt64BigEndian(8).ShouldBe(unchecked((long)0x8182838485868788));
        memory.TryReadUInt16BigEndian(8, out ushort two, out _).ShouldBeTrue();
        memory.TryReadUInt32BigEndian(8, out uint four, out _).ShouldBeTrue();
        memory.TryReadUInt64BigEndian(8, out ulong eight, out _).ShouldBeTrue();
        (two, four, eight).ShouldBe(((ushort)0x8182, 0x81828384u, 0x8182838485868788ul));
    }

    [Fact]
    public void Values_are_written_with_the_highest_byte_first()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        memory.WriteUInt16BigEndian(0, 0x8182);
        memory.WriteUInt32BigEndian(16, 0x81828384);
        memory.WriteUInt64BigEndian(32, 0x8182838485868788);
        memory.WriteInt16BigEndian(48, unchecked((short)0x8182));
        memory.WriteInt32BigEndian(64, unchecked((int)0x81828384));
        memory.WriteInt64BigEndian(80, unchecked((long)0x8182838485868788));
        memory.TryWriteUInt16BigEndian(96, 0x8182, out _).ShouldBeTrue();
        memory.TryWriteUInt32BigEndian(112, 0x81828384, out _).ShouldBeTrue();
        memory.TryWriteUInt64BigEndian(128, 0x8182838485868788, out _).ShouldBeTrue();
        int[] lengths = [2, 4, 8];
        for (ulong at = 0; at <= 128; at += 16)
        {
            var there = new byte[lengths[at / 16 % 3]];
            memory.Read(at, there);
            there.ShouldBe(Bytes[..there.Length]);
        }
    }
}
