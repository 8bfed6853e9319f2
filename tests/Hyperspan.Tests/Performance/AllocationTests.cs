using Hyperspan.Synchronization;
using Hyperspan.Tests.Translation;
using Hyperspan.Translation;

namespace Hyperspan.Tests.Performance;

/// <summary>What must not allocate does not: every success path, and every failure that is reported as a value. Bytes are counted exactly.</summary>
public sealed class AllocationTests
{
    private const ulong Size = 64 << 10;
    private const ulong Outside = 1UL << 40;

    public static TheoryData<string> Kinds => ["direct", "guarded", "bitmap", "regions", "fallback"];

    [Theory]
    [InlineData("translated")]
    [MemberData(nameof(Kinds))]
    public void Accesses_that_succeed_do_not_allocate(string kind)
    {
        using GuestMemory memory = Make(kind);
        byte[] small = new byte[64];
        byte[] large = new byte[8192];
        AssertNoAllocation(() =>
        {
            memory.Write(8, 42UL);
            memory.Read<ulong>(8).ShouldBeCheap(42);
            memory.TryRead(16, out uint _);
            memory.TryRead(20, out ushort _, out _);
            memory.TryWrite(24, (byte)1);
            memory.TryWrite(4090, 1UL);
            memory.Write(0x100, small);
            memory.Read(0x100, small);
            memory.TryWrite(0x200, large);
            memory.TryRead(0x200, large, out _);
            memory.Fill(0x300, 7, 5000);
            memory.TryClear(0x300, 5000);
            memory.TryProbe(0, 8192, AccessType.Write, out _);
            memory.TryVolatileRead(8, out ulong _, out _);
            memory.TryVolatileWrite(8, 1UL, out _);
            memory.ReadUInt32LittleEndian(8);
            memory.WriteUInt32BigEndian(8, 5);
        });
    }

    [Theory]
    [InlineData("direct")]
    [InlineData("guarded")]
    [InlineData("bitmap")]
    [InlineData("regions")]
    [InlineData("translated")]
    public void Compare_exchange_does_not_allocate(string kind)
    {
        using GuestMemory memory = Make(kind);
        AssertNoAllocation(() =>
        {
            memory.CompareExchange(8, 1UL, 0UL);
            memory.TryCompareExchange(16, (ushort)1, (ushort)0, out _, out _, out _);
        });
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Try_methods_that_fail_do_not_allocate(string kind)
    {
        using GuestMemory memory = Make(kind);
        byte[] bytes = new byte[256];
        AssertNoAllocation(() =>
        {
            memory.TryRead(Outside, out ulong _).ShouldBeCheap(expected: false);
            memory.TryRead(Outside, out ulong _, out _).ShouldBeCheap(expected: false);
            memory.TryWrite(Outside, 1UL).ShouldBeCheap(expected: false);
            memory.TryWrite(Outside, 1UL, out _).ShouldBeCheap(expected: false);
            memory.TryRead(Size - 4, out ulong _, out _).ShouldBeCheap(expected: false);
            memory.TryRead(Outside, bytes).ShouldBeCheap(expected: false);
            memory.TryWrite(Outside, bytes, out _).ShouldBeCheap(expected: false);
            memory.TryFill(Outside, 1, 10).ShouldBeCheap(expected: false);
            memory.TryProbe(Outside, 10, AccessType.Read, out _).ShouldBeCheap(expected: false);
            memory.TryCompareExchange(Outside, 1UL, 0UL, out _, out _, out _).ShouldBeCheap(expected: false);
            memory.TryCompareExchange(4, 1UL, 0UL, out _, out _, out _).ShouldBeCheap(expected: false);
            memory.TrySlice(Outside, 10, allowPreemptivePinning: false, out _, out _).ShouldBeCheap(expected: false);
        });
    }

    [Fact]
    public void Faults_of_the_mapping_do_not_allocate()
    {
        using var memory = new GuestMemory(new SparseBacking(Size), "holes");
        byte[] bytes = new byte[256];
        AssertNoAllocation(() =>
        {
            memory.TryRead(0, out ulong _).ShouldBeCheap(expected: false);
            memory.TryRead(8, out uint _, out _).ShouldBeCheap(expected: false);
            memory.TryWrite(0, 1UL, out _).ShouldBeCheap(expected: false);
            memory.TryRead(0, bytes, out _).ShouldBeCheap(expected: false);
        });
    }

    [Fact]
    public void Addresses_without_a_translation_do_not_allocate()
    {
        using GuestMemory memory = Make("translated");
        byte[] bytes = new byte[256];
        AssertNoAllocation(() =>
        {
            memory.TryRead(Size, out ulong _).ShouldBeCheap(expected: false);
            memory.TryWrite(Size, 1UL, out _).ShouldBeCheap(expected: false);
            memory.TryWrite(Size - 10, bytes, out _).ShouldBeCheap(expected: false);
            memory.TryFill(Size - 10, 1, 100, out _).ShouldBeCheap(expected: false);
            memory.TryCompareExchange(Outside, 1UL, 0UL, out _, out _, out _).ShouldBeCheap(expected: false);
            memory.TryProbe(0, Size + 1, AccessType.Write, out _).ShouldBeCheap(expected: false);
        });
    }

    [Fact]
    public void Closed_memory_does_not_allocate()
    {
        var memory = GuestMemory.Allocate(Size);
        memory.Dispose();
        AssertNoAllocation(() =>
        {
            memory.TryRead(0, out ulong _).ShouldBeCheap(expected: false);
            memory.TryWrite(0, 1UL, out _).ShouldBeCheap(expected: false);
        });
    }

    [Fact]
    public void Sections_do_not_allocate() => AssertNoAllocation(() =>
    {
        using (RcuDomain.GuestMemory.Enter())
        {
            // Nothing to do.
        }
    });

    /// <summary>One object, however many pages there are; what it holds on to, and the pieces, are used again.</summary>
    [Fact]
    public void A_pin_is_one_object()
    {
        using GuestMemory memory = Make("direct");
        ulong[] pages = [.. Enumerable.Range(0, 16).Select(i => (ulong)(i * 7 % 16))];
        long sixteen = Allocations.Of(() => memory.PinPages(pages, AccessType.Read).Dispose());
        long eight = Allocations.Of(() => memory.PinPages(pages.AsSpan(0, 8), AccessType.Read).Dispose());
        long range = Allocations.Of(() => memory.Pin(100, 6000, AccessType.Read).Dispose());
        (eight, range).ShouldBe((sixteen, sixteen));
        eight.ShouldBeLessThanOrEqualTo(96);
    }

    /// <summary>One object, so that a view a request is nothing to the collector.</summary>
    [Fact]
    public void A_slice_in_one_region_is_one_object()
    {
        using GuestMemory memory = Make("direct");
        Allocations.Of(() => memory.Slice(4096, 4096).Read<ulong>(8)).ShouldBeLessThanOrEqualTo(168);
    }

    private static void AssertNoAllocation(Action action) => Allocations.Of(action).ShouldBe(0);

    private static GuestMemory Make(string kind)
    {
        switch (kind)
        {
            case "direct":
                return GuestMemory.Allocate(Size);
            case "guarded":
                return new GuestMemory(Committed(), "guarded");
            case "bitmap":
                byte[] bits = new byte[(Size >> 12) / 8];
                Array.Fill(bits, (byte)0xff);
                return new GuestMemory(new MappedBacking(Committed(), bits), "bitmap");
            case "translated":
                return new TranslatedMemory(GuestMemory.Allocate(Size), new PageMap().Map(0, 0, Size / GuestAddress.PageSize)).Memory;
            case "regions":
                return new GuestMemoryBuilder("regions").AddRegion(0, new HeapBacking(Size / 2)).AddRegion(Size / 2, new HeapBacking(Size / 2)).Build();
            default:
                return new GuestMemory(new FallbackBacking((int)Size), "fallback");
        }
    }

    private static SparseBacking Committed()
    {
        var sparse = new SparseBacking(Size);
        sparse.Commit(0, Size);
        return sparse;
    }
}
