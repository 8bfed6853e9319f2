using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>Structures and bytes of every length that is copied in a way of its own, on every kind of memory, against an array.</summary>
public class CopyPathTests
{
    private const ulong Page = 4096;
    private const int Size = 24 * 4096;

    private static readonly int[] Lengths =
    [
        0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047, 4095, 4096, 4097, 8192,
        12287, 12288, 12289, 16384, 65536,
    ];

    public static TheoryData<string> Kinds => ["direct", "guarded", "restricted", "second region"];

    [LinuxTheory]
    [MemberData(nameof(Kinds))]
    public void Bytes_of_every_length_arrive_and_no_others(string kind)
    {
        using GuestMemory memory = Make(kind, out ulong start, out _);
        byte[] expected = Pattern(Size);
        memory.Write(start, expected);
        var random = new Random(7);
        foreach (int length in Lengths)
        {
            for (int i = 0; i < 4; i++)
            {
                int at = random.Next(Size - length + 1);
                byte[] source = new byte[length];
                random.NextBytes(source);
                memory.Write(start + (ulong)at, source);
                source.CopyTo(expected, at);
                byte[] around = new byte[length + 2];
                memory.Read(start + (ulong)at, around.AsSpan(1, length));
                around[0].ShouldBe((byte)0);
                around[^1].ShouldBe((byte)0);
                around.AsSpan(1, length).SequenceEqual(source).ShouldBeTrue($"{length} bytes at {at}");
            }

            byte[] all = new byte[Size];
            memory.Read(start, all);
            all.AsSpan().SequenceEqual(expected).ShouldBeTrue($"after {length} bytes");
        }
    }

    [LinuxTheory]
    [MemberData(nameof(Kinds))]
    public void Structures_of_every_size_arrive_and_no_others(string kind)
    {
        using GuestMemory memory = Make(kind, out ulong start, out _);
        byte[] expected = Pattern(Size);
        memory.Write(start, expected);
        foreach (ulong at in (ulong[])[0, 3, 8, Page - 5, Page - 8, (2 * Page) - 16, Size - 96])
        {
            Check<Bytes3>(memory, expected, start, at);
            Check<Bytes12>(memory, expected, start, at);
            Check<Bytes16>(memory, expected, start, at);
            Check<Bytes24>(memory, expected, start, at);
            Check<Bytes48>(memory, expected, start, at);
            Check<Bytes64>(memory, expected, start, at);
            Check<Bytes96>(memory, expected, start, at);
        }
    }

    [Fact]
    public void A_structure_across_the_end_is_out_of_range_and_not_handed_out()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        memory.Fill(0, 0xff, Page);
        memory.TryRead(Page - 15, out Bytes16 value, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, Page);
        MemoryMarshal.AsBytes(new ReadOnlySpan<Bytes16>(in value)).ContainsAnyExcept((byte)0).ShouldBeFalse();
        memory.TryWrite(Page - 15, value, out fault).ShouldBeFalse();
        memory.Read<byte>(Page - 15).ShouldBe((byte)0xff);
        memory.TryRead(ulong.MaxValue - 3, out value, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        memory.Dispose();
        memory.TryRead(8, out value, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        memory.TryRead(2 * Page, out value, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
    }

    [LinuxTheory]
    [InlineData("guarded", Page - 8)]
    [InlineData("guarded", Page - 1)]
    [InlineData("guarded", Page)]
    [InlineData("guarded", (2 * Page) - 8)]
    [InlineData("restricted", Page - 8)]
    [InlineData("restricted", Page - 1)]
    [InlineData("restricted", Page)]
    [InlineData("restricted", (2 * Page) - 8)]
    public void A_structure_of_which_a_page_cannot_be_accessed_is_a_fault_and_not_handed_out(string kind, ulong at)
    {
        using GuestMemory memory = Make(kind, out _, out AccessBitmaps? bitmaps);
        memory.Fill(0, 0xff, Size);
        SetAccess(accessible: false);
        GuestMemoryFaultKind expected = bitmaps is null ? GuestMemoryFaultKind.Unmapped : GuestMemoryFaultKind.Restricted;
        CheckFault<Bytes12>(memory, at, expected, Page);
        CheckFault<Bytes16>(memory, at, expected, Page);
        CheckFault<Bytes24>(memory, at, expected, Page);
        CheckFault<Bytes64>(memory, at, expected, Page);
        CheckFault<Bytes96>(memory, at, expected, Page);
        SetAccess(accessible: true);

        // What lies above the fault is as it was.
        byte[] above = new byte[Page];
        memory.Read(Page, above);
        above.AsSpan().ContainsAnyExcept(bitmaps is null ? (byte)0 : (byte)0xff).ShouldBeFalse();
        memory.Read<byte>(2 * Page).ShouldBe((byte)0xff);

        void SetAccess(bool accessible)
        {
            if (bitmaps is not null)
            {
                bitmaps.Protect(Page, Page, accessible ? Protection.ReadWrite : Protection.None);
            }
            else if (accessible)
            {
                ((SparseBacking)memory.Regions[0].Backing!).Commit(Page, Page);
            }
            else
            {
                ((SparseBacking)memory.Regions[0].Backing!).Decommit(Page, Page);
            }
        }
    }

    /// <summary>What fails at a clear bit has been written up to its page, and says so; after that bit is set, the rest.</summary>
    [LinuxTheory]
    [InlineData(100UL, 3UL)]
    [InlineData(Page - 8, 1UL)]
    [InlineData(0UL, 20UL)]
    public void A_write_stops_at_the_first_restricted_page(ulong at, ulong restricted)
    {
        using GuestMemory memory = Make("restricted", out _, out AccessBitmaps? bitmaps);
        bitmaps!.Protect(restricted * Page, Page, Protection.None);
        byte[] source = Pattern((int)(22 * Page));
        memory.TryWrite(at, source, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Restricted, restricted * Page);
        (fault.Start.Value, fault.Length).ShouldBe((at, (ulong)source.Length));
        byte[] into = new byte[22 * Page];
        memory.TryRead(at, into, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Restricted, restricted * Page);
        (fault.Start.Value, fault.Length).ShouldBe((at, (ulong)into.Length));
        bitmaps.Protect(restricted * Page, Page, Protection.ReadWrite);
        memory.Read(at, into);
        into.AsSpan(0, (int)((restricted * Page) - at)).SequenceEqual(source.AsSpan(0, (int)((restricted * Page) - at))).ShouldBeTrue();
        into.AsSpan((int)((restricted * Page) - at)).ContainsAnyExcept((byte)0).ShouldBeFalse();
    }

    /// <summary>Of a write that is done by one string operation nothing above the fault is written.</summary>
    [LinuxTheory]
    [InlineData(0UL, 5UL)]
    [InlineData(13UL, 1UL)]
    [InlineData(4095UL, 19UL)]
    public void A_long_write_leaves_all_above_a_missing_page(ulong at, ulong missing)
    {
        var sparse = new SparseBacking(Size);
        sparse.Commit(0, Size);
        sparse.Decommit(missing * Page, Page);
        using GuestMemory memory = new(sparse, "holes");
        byte[] source = Pattern(Size - 4096);
        memory.TryWrite(at, source, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, missing * Page);
        sparse.Commit(missing * Page, Page);
        byte[] all = new byte[Size];
        memory.Read(0, all);
        int below = (int)((missing * Page) - at);
        all.AsSpan((int)at, below).SequenceEqual(source.AsSpan(0, below)).ShouldBeTrue();
        all.AsSpan((int)at + below).ContainsAnyExcept((byte)0).ShouldBeFalse();
    }

    private static void Check<T>(GuestMemory memory, byte[] expected, ulong start, ulong at)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        T read = memory.Read<T>(start + at);
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in read)).SequenceEqual(expected.AsSpan((int)at, size)).ShouldBeTrue($"{typeof(T).Name} at {at}");
        byte[] bytes = new byte[size];
        new Random((int)at).NextBytes(bytes);
        memory.Write(start + at, MemoryMarshal.Read<T>(bytes));
        bytes.CopyTo(expected, (int)at);
        byte[] all = new byte[Size];
        memory.Read(start, all);
        all.AsSpan().SequenceEqual(expected).ShouldBeTrue($"{typeof(T).Name} at {at}");
        memory.TryRead(start + at, out T again, out GuestMemoryFault fault).ShouldBeTrue(fault.ToString());
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in again)).SequenceEqual(bytes).ShouldBeTrue();
    }

    private static void CheckFault<T>(GuestMemory memory, ulong at, GuestMemoryFaultKind expected, ulong page)
        where T : unmanaged
    {
        ulong address = Math.Max(at, page);
        memory.TryRead(at, out T value, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(expected, address);
        (fault.Start.Value, fault.Length).ShouldBe((at, (ulong)Unsafe.SizeOf<T>()));
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ContainsAnyExcept((byte)0).ShouldBeFalse();
        memory.TryRead(at, out value).ShouldBeFalse();
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ContainsAnyExcept((byte)0).ShouldBeFalse();
        Should.Throw<GuestMemoryException>(() => memory.Read<T>(at)).Fault.ShouldBeFault(expected, address);
        memory.TryWrite(at, default(T), out fault).ShouldBeFalse();
        fault.ShouldBeFault(expected, address);
        memory.TryWrite(at, default(T)).ShouldBeFalse();
        Should.Throw<GuestMemoryException>(() => memory.Write(at, default(T))).Fault.ShouldBeFault(expected, address);
    }

    private static GuestMemory Make(string kind, out ulong start, out AccessBitmaps? restricted)
    {
        start = kind == "second region" ? 1UL << 30 : 0;
        restricted = kind == "restricted" ? new AccessBitmaps(Size) : null;
        return kind switch
        {
            "guarded" => new GuestMemory(PinTests.Committed(Size / 4096), kind),
            "restricted" => new GuestMemory(new HeapBacking(Size) { AccessBitmaps = restricted }, kind),
            "second region" => new GuestMemoryBuilder(kind).AddRegion(0, new HeapBacking(Page)).AddRegion(start, new HeapBacking(Size)).Build(),
            _ => GuestMemory.Allocate(Size),
        };
    }

    [InlineArray(3)]
    private struct Bytes3
    {
        private byte _first;
    }

    private readonly record struct Bytes12(uint A, uint B, uint C);

    private readonly record struct Bytes16(ulong A, ulong B);

    private readonly record struct Bytes24(ulong A, ulong B, ulong C);

    private readonly record struct Bytes48(Bytes16 A, Bytes16 B, Bytes16 C);

    private readonly record struct Bytes64(Bytes48 A, Bytes16 B);

    private readonly record struct Bytes96(Bytes64 A, Bytes16 B, Bytes16 C);
}
