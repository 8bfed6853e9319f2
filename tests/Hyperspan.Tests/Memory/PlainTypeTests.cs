using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Tests;

#pragma warning disable CS0649, CS0169, CA1823, IDE0051, RCS1213, IDE0044 // The fields are there to be looked at.

/// <summary>Types whose bytes do not all belong to a value are refused, by the name of the field.</summary>
public unsafe class PlainTypeTests
{
    [Fact]
    public void Plain_types_are_taken()
    {
        Objection<byte>().ShouldBeNull();
        Objection<char>().ShouldBeNull();
        Objection<double>().ShouldBeNull();
        Objection<nint>().ShouldBeNull();
        Objection<DayOfWeek>().ShouldBeNull();
        Objection<Guid>().ShouldBeNull();
        Objection<UInt128>().ShouldBeNull();
        Objection<Descriptor>().ShouldBeNull();
        Objection<Nested>().ShouldBeNull();
        Objection<Packed>().ShouldBeNull();
        Objection<Sixteen>().ShouldBeNull();
        Objection<WithFixed>().ShouldBeNull();
        Objection<Union>().ShouldBeNull();
    }

    [Fact]
    public void Padding_is_refused()
    {
        Objection<PaddedInside>()!.ShouldContain("3 bytes of padding before the field 'Second'");
        Objection<PaddedAtEnd>()!.ShouldContain("padding at byte 5, after the field 'Second'");
        Objection<PaddedNested>()!.ShouldContain("'Inner.Second'");
        Objection<HoleyUnion>()!.ShouldContain("padding at byte 2");
        Objection<Empty>()!.ShouldContain("empty struct");
        Objection<Oversized>()!.ShouldContain("padding at byte 4");
    }

    [Fact]
    public void Booleans_pointers_and_automatic_layouts_are_refused()
    {
        Objection<bool>()!.ShouldContain("bool");
        Objection<WithBool>()!.ShouldContain("'Flag'");
        Objection<WithPointer>()!.ShouldContain("'Where'");
        Objection<(uint, uint)>()!.ShouldContain("automatic layout");
    }

    [Fact]
    public void Access_throws_and_says_why()
    {
        using GuestMemory memory = GuestMemory.Allocate(4096);
        Should.Throw<NotSupportedException>(() => memory.Read<PaddedInside>(0)).Message.ShouldContain("Second");
        Should.Throw<NotSupportedException>(() => memory.Write(0, default(WithBool))).Message.ShouldContain("Flag");
        Should.Throw<NotSupportedException>(() => memory.TryRead(0, out WithPointer _)).Message.ShouldContain("Where");
        var written = new Nested { Length = 7, Inner = new Descriptor { Address = 1, Length = 2, Flags = 3, Next = 4 }, Tail = 9 };
        memory.Write(13, written);
        memory.Read<Nested>(13).ShouldBe(written);
    }

    private static string? Objection<T>()
        where T : unmanaged => PlainType<T>.Objection;

    private struct Descriptor
    {
        public ulong Address;
        public uint Length;
        public ushort Flags;
        public ushort Next;
    }

    private struct Nested
    {
        public ulong Length;
        public Descriptor Inner;
        public ulong Tail;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct Packed
    {
        public byte First;
        public ulong Second;
    }

    [InlineArray(16)]
    private struct Sixteen
    {
        private byte _first;
    }

    private struct WithFixed
    {
        public uint Count;
        public fixed uint Items[7];
    }

    [StructLayout(LayoutKind.Explicit)]
    private struct Union
    {
        [FieldOffset(0)]
        public ulong Whole;
        [FieldOffset(0)]
        public uint Low;
        [FieldOffset(4)]
        public uint High;
    }

    [StructLayout(LayoutKind.Explicit)]
    private struct HoleyUnion
    {
        [FieldOffset(0)]
        public ushort Low;
        [FieldOffset(4)]
        public uint High;
    }

    private struct PaddedInside
    {
        public byte First;
        public uint Second;
    }

    private struct PaddedAtEnd
    {
        public uint First;
        public byte Second;
    }

    private struct PaddedNested
    {
        public ulong Outer;
        public PaddedInside Inner;
    }

    private struct Empty;

    [StructLayout(LayoutKind.Sequential, Size = 8)]
    private struct Oversized
    {
        public uint Only;
    }

    private struct WithBool
    {
        public int Count;
        public bool Flag;
    }

    private struct WithPointer
    {
        public void* Where;
    }
}
