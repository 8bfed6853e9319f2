using System.Runtime.CompilerServices;
using Hyperspan.Tests.Resilience;

namespace Hyperspan.Tests;

/// <summary>Exchange, add, and, or: what they give and leave, on every kind of memory.</summary>
public class UpdateTests
{
    private const ulong Page = 4096;

    public static TheoryData<string> Kinds => ["heap", "sparse", "restricted", "fallback", "second region"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Results_are_those_of_interlocked(string kind)
    {
        using GuestMemory memory = Make(kind, out ulong start);
        Check<byte>(memory, start + 3, 0xf0, 0x1c);
        Check<sbyte>(memory, start + 5, -128, -1);
        Check<short>(memory, start + 6, short.MaxValue, 2);
        Check<uint>(memory, start + 8, 0xffff_fff0, 0x11);
        Check<long>(memory, start + 16, long.MinValue, -1);
        Check<ulong>(memory, start + 24, 0, 7);
        Check<nint>(memory, start + 32, -5, 5);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Nothing_is_allocated(string kind)
    {
        using GuestMemory memory = Make(kind, out ulong start);
        var bytes = new byte[300];
        var values = new long[16];
        Allocations.Of(Use).ShouldBe(0);

        void Use()
        {
            memory.TryExchange(start, 5, out int original, out _);
            memory.TryAdd(start, 5, out int _, out _);
            memory.TryAnd(start, 5, out original, out _);
            memory.TryOr(start + 1, 5, out original, out _);
            memory.TryRead(start, values.AsSpan(), out _);
            memory.TryWrite(start, (ReadOnlySpan<long>)values, out _);
            memory.TryReadArray(start, int.MaxValue, out long[]? _, out _);
            memory.ReadAvailable(start, bytes);
            memory.ReadAvailable(start + Page - 100, bytes);
            memory.Contains(start, 2 * Page);
        }
    }

    [Fact]
    public void Bits_are_updated_whatever_the_type()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        memory.Write(8, DayOfWeek.Monday);
        memory.Or(8, DayOfWeek.Saturday).ShouldBe(DayOfWeek.Monday);
        memory.And(8, DayOfWeek.Wednesday).ShouldBe((DayOfWeek)7);
        memory.Read<DayOfWeek>(8).ShouldBe(DayOfWeek.Wednesday);
        memory.Exchange(8, 1.5f).ShouldBe(BitConverter.Int32BitsToSingle(3));
        memory.Exchange(16, -0.0).ShouldBe(0.0);
        BitConverter.DoubleToInt64Bits(memory.Exchange(16, 2.0)).ShouldBe(long.MinValue);
    }

    [Theory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void What_cannot_be_written_is_a_fault(string reason)
    {
        using var hole = new HoleInMemory(reason);
        ulong at = Page + 8;
        hole.Memory.TryExchange(at, 1, out int value, out GuestMemoryFault fault).ShouldBeFalse();
        Faulted(fault);
        hole.Memory.TryAdd(at, 1, out value, out fault).ShouldBeFalse();
        value.ShouldBe(0);
        Faulted(fault);
        hole.Memory.TryAnd(at, 1, out value, out fault).ShouldBeFalse();
        Faulted(fault);
        hole.Memory.TryOr(at, 1, out value, out fault).ShouldBeFalse();
        Faulted(fault);
        Should.Throw<GuestMemoryException>(() => hole.Memory.Exchange(at, 1));
        Should.Throw<GuestMemoryException>(() => hole.Memory.Add(at, 1));
        Should.Throw<GuestMemoryException>(() => hole.Memory.And(at, 1));
        Should.Throw<GuestMemoryException>(() => hole.Memory.Or(at, 1));

        void Faulted(GuestMemoryFault met)
        {
            met.ShouldBeFault(hole.Kind, at);
            met.Operation.ShouldBe(GuestMemoryOperation.CompareExchange);
        }
    }

    [Fact]
    public void Misaligned_and_unfit_types_are_refused()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        memory.TryAdd(6, 1u, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, 6);
        memory.Read<ulong>(0).ShouldBe(0UL);
        Should.Throw<NotSupportedException>(() => memory.Exchange(0, default(Guid)));
        Should.Throw<NotSupportedException>(() => memory.Add(0, (Int128)1));
    }

    /// <summary>Regions may touch at an address that is a multiple of nothing. What lies behind the end of a region in its backing is not the memory's.</summary>
    [Fact]
    public void An_aligned_value_that_lies_in_two_regions_is_refused_and_nothing_is_accessed()
    {
        using var lower = new HeapBacking(2 * Page);
        using GuestMemory memory = new GuestMemoryBuilder("odd")
            .LeaveBackingsOpen().AddRegion(Page - 5, lower, 0, Page + 5, Protection.ReadWrite).AddRegion(2 * Page, new HeapBacking(Page)).Build();
        using var all = new GuestMemory(lower, "lower", leaveOpen: true);
        all.Fill(0, 0x11, 2 * Page);
        ulong at = (2 * Page) - 5;
        memory.TryCompareExchange(at, 1UL, memory.Read<ulong>(at), out bool exchanged, out _, out GuestMemoryFault fault).ShouldBeFalse();
        exchanged.ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, at);
        memory.TryAdd(at, 1UL, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, at);
        memory.TryVolatileRead(at, out ulong _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, at);
        memory.TryVolatileRead(at, out ulong _).ShouldBeFalse();
        memory.TryVolatileWrite(at, 1UL, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, at);
        memory.TryVolatileWrite(at, 1UL).ShouldBeFalse();
        all.Read(0, 2 * (int)Page).ShouldBe(Enumerable.Repeat((byte)0x11, 2 * (int)Page));
        memory.Read<ulong>(2 * Page).ShouldBe(0UL);

        // A narrower one fits; past the end there is no second region, but nothing at all.
        memory.Add(at, 1U).ShouldBe(0x1111_1112U);
        memory.TryAdd((3 * Page) - 4, 1UL, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, (3 * Page) - 4);
        using GuestMemory alone = new GuestMemoryBuilder("alone").LeaveBackingsOpen().AddRegion(Page - 5, lower, 0, Page + 5, Protection.ReadWrite).Build();
        alone.TryAdd(at, 1UL, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 2 * Page);
        using GuestMemory strict = new GuestMemoryBuilder("strict")
            .Strict().LeaveBackingsOpen().AddRegion(Page - 5, lower, 0, Page + 5, Protection.ReadWrite).AddRegion(2 * Page, new HeapBacking(Page)).Build();
        strict.TryAdd(at, 1UL, out _, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.CrossesRegions, 2 * Page);
    }

    [Fact]
    public void Nothing_is_lost_between_threads()
    {
        using GuestMemory memory = new(Committed(), "sparse");
        const int Turns = 20_000;
        Parallel.For(0, 4, thread =>
        {
            for (int i = 0; i < Turns; i++)
            {
                memory.Add(0, 3);
                memory.Or(8, 1UL << (i % 60));
            }
        });
        memory.Read<int>(0).ShouldBe(4 * Turns * 3);
        memory.Read<ulong>(8).ShouldBe((1UL << 60) - 1);
    }

    private static void Check<T>(GuestMemory memory, ulong at, T first, T second)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        memory.Exchange(at, first).ShouldBe(T.Zero);
        memory.Exchange(at, second).ShouldBe(first);
        memory.Exchange(at, first).ShouldBe(second);
        memory.Add(at, second).ShouldBe(unchecked(first + second));
        memory.Read<T>(at).ShouldBe(unchecked(first + second));
        memory.Exchange(at, first);
        memory.And(at, second).ShouldBe(first);
        memory.Read<T>(at).ShouldBe(first & second);
        memory.Or(at, first).ShouldBe(first & second);
        memory.Read<T>(at).ShouldBe(first);
        memory.TryAdd(at, T.One, out T sum, out GuestMemoryFault fault).ShouldBeTrue();
        sum.ShouldBe(unchecked(first + T.One));
        fault.IsFault.ShouldBeFalse();
        if (Unsafe.SizeOf<T>() > 1)
        {
            memory.TryExchange(at + 1, second, out _, out fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, at + 1);
        }

        memory.Write(at, T.Zero);
    }

    private static GuestMemory Make(string kind, out ulong start)
    {
        start = kind == "second region" ? 4 * Page : 64;
        return kind switch
        {
            "heap" => GuestMemory.Allocate(Page),
            "sparse" => new GuestMemory(Committed(), "sparse"),
            "restricted" => new GuestMemory(new MappedBacking(Committed(), [0xff]), "restricted"),
            "fallback" => new GuestMemory(new FallbackBacking((int)Page), "fallback"),
            _ => new GuestMemoryBuilder("two").AddRegion(0, new HeapBacking(Page)).AddRegion(4 * Page, new HeapBacking(Page)).Build(),
        };
    }

    private static SparseBacking Committed()
    {
        var mapping = new SparseBacking(Page);
        mapping.Commit(0, Page);
        return mapping;
    }
}
