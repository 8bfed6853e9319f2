using FsCheck.Fluent;

using Hyperspan.Streaming;

using static Hyperspan.Tests.Streaming.PagedGenerators;

namespace Hyperspan.Tests.Streaming;

/// <summary>Bytes through paged ranges, in memories of all kinds, against a byte array.</summary>
public unsafe class PagedAccessTests
{
    private const int Page = GuestAddress.PageSize;
    private const int Size = 10 * Page;

    public static TheoryData<string> Kinds => new("direct", "guarded", "fallback", "regions", "strict", "slice");

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Reads_are_those_of_the_flat_bytes(string kind)
    {
        using GuestMemory memory = Make(kind);
        byte[] flat = MemoryAssert.Pattern(Size);
        WritePages(memory, flat);
        Check(Lists, list =>
        {
            byte[] expected = [.. list.SelectMany(AddressesOf).Select(address => flat[address])];
            var all = new byte[expected.Length];
            memory.Read(new PagedRange(list), all);
            var single = new List<byte>();
            foreach (PagedRangeBuffer range in list)
            {
                var bytes = new byte[range.Length];
                memory.TryRead(range.Range, bytes, out _).ShouldBeTrue();
                fixed (byte* pointer = bytes)
                {
                    new Span<byte>(pointer, bytes.Length).Clear();
                    memory.Read(range.Range, pointer, (ulong)bytes.Length);
                }

                single.AddRange(bytes);
            }

            return all.SequenceEqual(expected) && single.SequenceEqual(expected);
        }, tests: 60);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Writes_are_those_of_the_flat_bytes(string kind)
    {
        using GuestMemory memory = Make(kind);
        byte[] flat = MemoryAssert.Pattern(Size);
        WritePages(memory, flat);
        int seed = 0;
        Check(
            from list in Lists
            from operation in Gen.Choose(0, 4)
            select (list, operation),
            test =>
            {
                List<ulong> addresses = [.. test.list.SelectMany(AddressesOf)];
                byte[] bytes = MemoryAssert.Pattern(addresses.Count, ++seed);
                byte value = test.operation == 4 ? (byte)0 : (byte)seed;
                var ranges = new PagedRange(test.list);
                switch (test.operation)
                {
                    case 0:
                        memory.Write(ranges, bytes);
                        break;
                    case 1:
                        int done = 0;
                        foreach (PagedRangeBuffer part in test.list)
                        {
                            memory.Write(part.Range, bytes.AsSpan(done, (int)part.Length));
                            done += (int)part.Length;
                        }

                        break;
                    case 2:
                        fixed (byte* pointer = bytes)
                        {
                            memory.TryWrite(ranges, pointer, (ulong)bytes.Length, out _).ShouldBeTrue();
                        }

                        break;
                    case 3:
                        memory.Fill(ranges, value);
                        break;
                    default:
                        memory.Clear(ranges);
                        break;
                }

                for (int i = 0; i < addresses.Count; i++)
                {
                    flat[addresses[i]] = test.operation >= 3 ? value : bytes[i];
                }

                return ReadPages(memory).AsSpan().SequenceEqual(flat);
            },
            tests: 60);
    }

    [Fact]
    public void Consecutive_pages_are_one_access()
    {
        var device = new FallbackBacking(Size);
        using var memory = new GuestMemory(device, "device");
        var range = new PagedRange(new ulong[] { 2, 3, 4, 7 }, 8, (4 * Page) - 16);
        memory.Read(range, new byte[range.Length]);
        device.Calls.ShouldBe(2);
        memory.Write(range, new byte[range.Length]);
        device.Calls.ShouldBe(4);
        memory.Fill(range, 1);
        device.Calls.ShouldBe(6);
    }

    [Fact]
    public void Faults_name_the_first_failing_address_and_no_range()
    {
        using GuestMemory memory = Sparse(hole: 4);
        var range = new PagedRange(new ulong[] { 8, 2, 3, 4, 5 }, 0x10, (5 * Page) - 0x10);
        var bytes = new byte[range.Length];

        memory.TryRead(range, bytes, out GuestMemoryFault fault).ShouldBeFalse();
        Check(fault, "read");
        memory.TryWrite(range, bytes, out fault).ShouldBeFalse();
        Check(fault, "write");
        memory.TryFill(range, 1, out fault).ShouldBeFalse();
        Check(fault, "fill");
        memory.TryClear(range, out fault).ShouldBeFalse();
        Check(fault, "fill");
        Thrown(m => m.Read(Range(), new byte[Range().Length]));
        Thrown(m => m.Write(Range(), new byte[Range().Length]));
        Thrown(m => m.Fill(Range(), 1));
        Thrown(m => m.Clear(Range()));
        Thrown(m => m.Read(List(), new byte[List().Length]));
        Thrown(m => m.Write(List(), new byte[List().Length]));
        Thrown(m => m.Fill(List(), 1));
        Thrown(m => m.Clear(List()));

        void Thrown(Action<GuestMemory> access) => Should.Throw<GuestMemoryException>(() => access(memory)).Fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x4000);

        static PagedRange Range() => new(new ulong[] { 8, 2, 3, 4, 5 }, 0x10, (5 * Page) - 0x10);

        static PagedRange List() => new((PagedRangeBuffer[])[new(new ulong[] { 1 }, 0, Page), .. Range().ToBuffers()]);

        static void Check(GuestMemoryFault fault, string operation)
        {
            fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x4000);
            fault.HasRange.ShouldBeFalse();
            fault.ToString().ShouldStartWith($"guest memory 'sparse': {operation} error: failed to access memory at 0x4000: page not mapped");
        }
    }

    [Fact]
    public void What_comes_before_the_fault_has_been_written()
    {
        using GuestMemory memory = Sparse(hole: 4);
        memory.TryFill(new PagedRange(new ulong[] { 8, 3, 4, 6 }, 0, 4 * Page), 0xaa, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x4000);
        memory.Read(0x8000, Page).ShouldAllBe(b => b == 0xaa);
        memory.Read(0x6000, Page).ShouldAllBe(b => b == 0);
    }

    [Fact]
    public void Pages_outside_of_the_memory_are_out_of_range()
    {
        using GuestMemory memory = GuestMemory.Allocate(Size);
        memory.TryRead(new PagedRange(new ulong[] { 3, 10 }, 0, 2 * Page), new byte[2 * Page], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, Size);

        // Consecutive with the last page: the run is refused as a whole, at the first byte beyond.
        memory.TryFill(new PagedRange(new ulong[] { 9, 10 }, 0, 2 * Page), 1, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, Size);
        memory.Read(9 * Page, Page).ShouldAllBe(b => b == 0);
    }

    [Fact]
    public void Page_numbers_without_an_address_are_out_of_range()
    {
        using GuestMemory memory = GuestMemory.Allocate(Size);
        memory.TryFill(new PagedRange(new ulong[] { 1, 1UL << 52 }, 0, Page + 1), 7, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, null);
        memory.Read<byte>(Page).ShouldBe((byte)7);
        memory.TryRead(new PagedRange(new[] { ulong.MaxValue }, 0, 1), new byte[1], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, null);
        memory.TryRead(new PagedRange(new[] { (1UL << 52) - 1 }, 0, Page), new byte[Page], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 0xffff_ffff_ffff_f000);
    }

    [Fact]
    public void Buffers_must_be_as_long_as_the_range()
    {
        using GuestMemory memory = GuestMemory.Allocate(Size);
        Should.Throw<ArgumentException>(() => memory.Read(new PagedRange([1UL], 0, 8), new byte[7]))
            .Message.ShouldStartWith("The buffer has 0x7 bytes, the range 0x8: they must be as long.");
        Should.Throw<ArgumentException>(() => memory.TryRead(new PagedRange([1UL], 0, 8), new byte[9], out _));
        Should.Throw<ArgumentException>(() => memory.Write(new PagedRange([1UL], 0, 8), new byte[7]));
        Should.Throw<ArgumentException>(() => memory.Read(new PagedRange([new(new ulong[] { 1 }, 0, 8)]), new byte[7]));
        Should.Throw<ArgumentException>(() => memory.Write(new PagedRange([new(new ulong[] { 1 }, 0, 8)]), new byte[9]));
        memory.Read(PagedRange.Empty, []);
        memory.Write(default(PagedRange), []);
    }

    [Fact]
    public void Pages_of_different_regions_are_no_crossing_in_a_strict_memory()
    {
        using GuestMemory memory = Make("strict");
        memory.TryFill(0, 1, Size, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.CrossesRegions);
        memory.Fill(new PagedRange(new ulong[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 0, Size), 1);
        ReadPages(memory).ShouldAllBe(b => b == 1);
    }

    [Fact]
    public void Faults_are_values_that_cost_no_allocation()
    {
        using GuestMemory memory = Sparse(hole: 4);
        ulong[] pages = [4, 1UL << 52];
        var bytes = new byte[Page];
        PagedRangeBuffer[] list = [new(pages, 0, Page)];
        bool any = false;
        Allocations.Of(() => any |= memory.TryRead(new PagedRange(pages, 0, Page), bytes, out _)
            || memory.TryWrite(new PagedRange(pages, Page, Page), bytes, out _)
            || memory.TryFill(new PagedRange(pages, 0, 1), 1, out _)
            || memory.TryRead(new PagedRange(list), bytes, out _)).ShouldBe(0);
        any.ShouldBeFalse();
    }

    // Page by page, because a strict memory refuses to do all of it at once.
    private static void WritePages(GuestMemory memory, byte[] flat)
    {
        for (int at = 0; at < Size; at += Page)
        {
            memory.Write((ulong)at, flat.AsSpan(at, Page));
        }
    }

    private static byte[] ReadPages(GuestMemory memory)
    {
        var flat = new byte[Size];
        for (int at = 0; at < Size; at += Page)
        {
            memory.Read((ulong)at, flat.AsSpan(at, Page));
        }

        return flat;
    }

    private static GuestMemory Make(string kind) => kind switch
    {
        "direct" => GuestMemory.Allocate(Size),
        "guarded" => Sparse(hole: null),
        "fallback" => new GuestMemory(new FallbackBacking(Size), "device"),
        "regions" => Regions().Build(),
        "strict" => Regions().Strict().Build(),
        _ => GuestMemory.Allocate(Size + 0x123).Slice(0x123, Size),
    };

    private static GuestMemoryBuilder Regions() => new GuestMemoryBuilder("ram")
        .AddRegion(0, new HeapBacking(4 * Page))
        .AddRegion(4 * Page, new FallbackBacking(2 * Page))
        .AddRegion(6 * Page, Committed(4 * Page));

    private static GuestMemory Sparse(ulong? hole)
    {
        SparseBacking mapping = Committed(Size);
        if (hole is { } page)
        {
            mapping.Decommit(page * Page, Page);
        }

        return new GuestMemory(mapping, "sparse");
    }

    private static SparseBacking Committed(ulong length)
    {
        var mapping = new SparseBacking(length);
        mapping.Commit(0, length);
        return mapping;
    }
}
