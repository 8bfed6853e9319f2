using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>The contracts of part 3 of the design, over every path an access can take.</summary>
public sealed class AccessContractTests : IDisposable
{
    private const ulong Page = 4096;
    private readonly List<IDisposable> _disposables = [];

    public static TheoryData<string> Paths => ["direct", "guarded", "fallback", "bitmap", "table", "blocking"];

    public void Dispose()
    {
        foreach (IDisposable disposable in _disposables)
        {
            disposable.Dispose();
        }
    }

    /// <summary>A memory of four accessible pages, through the path named.</summary>
    private GuestMemory Create(string path)
    {
        GuestMemory memory = path switch
        {
            "direct" => GuestMemory.Allocate(4 * Page),
            "guarded" => new(Committed(), "ram"),
            "fallback" => new(new FallbackBacking((int)(4 * Page)), "ram"),
            "bitmap" => new(new MappedBacking(Committed(), [0xff]), "ram"),
            "table" => new GuestMemoryBuilder("ram")
                .AddRegion(0, new HeapBacking(Page)).AddRegion(Page, Committed(), backingOffset: 0, length: Page).AddRegion(2 * Page, new HeapBacking(2 * Page)).Build(),
            "blocking" => new(Committed(FaultBehavior.MayBlock), "ram"),
            _ => throw new ArgumentException(path, nameof(path)),
        };
        _disposables.Add(memory);
        return memory;
    }

    private static SparseBacking Committed(FaultBehavior behavior = FaultBehavior.MayFault)
    {
        var mapping = new SparseBacking(4 * Page, new SparseBackingOptions { FaultBehavior = behavior });
        mapping.Commit(0, 4 * Page);
        return mapping;
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Scalars_of_every_size_round_trip_at_every_alignment(string path)
    {
        GuestMemory memory = Create(path);
        foreach (ulong address in new ulong[] { 0, 1, 3, 7, Page - 8, Page - 7, Page - 1, Page, (2 * Page) - 3, (4 * Page) - 8 })
        {
            RoundTrip<byte>(memory, address, 0xa5);
            RoundTrip<ushort>(memory, address, 0xa5b6);
            RoundTrip(memory, address, 0xa5b6c7d8u);
            RoundTrip(memory, address, 0xa5b6c7d8_e9f0a1b2ul);
        }

        RoundTrip(memory, 5, (UInt128.One << 100) + 7);
        RoundTrip(memory, Page - 5, Guid.NewGuid());
        RoundTrip(memory, 24, -1.5);

        static void RoundTrip<T>(GuestMemory memory, ulong address, T value)
            where T : unmanaged
        {
            memory.Write(address, value);
            memory.Read<T>(address).ShouldBe(value);
            byte[] bytes = new byte[System.Runtime.CompilerServices.Unsafe.SizeOf<T>()];
            System.Runtime.InteropServices.MemoryMarshal.Write(bytes, value);
            memory.Read(address, bytes.Length).ShouldBe(bytes);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Bytes_of_every_short_length_round_trip_around_a_page_boundary(string path)
    {
        GuestMemory memory = Create(path);
        byte[] background = Pattern((int)(4 * Page), 7);
        for (int length = 0; length <= 70; length++)
        {
            foreach (int back in new[] { 0, 1, 31, 64, 70 })
            {
                memory.Write(0, background);
                byte[] data = Pattern(length, length);
                ulong address = Page - (ulong)back;
                memory.Write(address, data);
                byte[] expected = [.. background];
                data.CopyTo(expected, (int)address);
                memory.Read(0, expected.Length).ShouldBe(expected);
                memory.Read(address, length).ShouldBe(data);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Large_transfers_and_fills_are_exact(string path)
    {
        GuestMemory memory = Create(path);
        byte[] data = Pattern((int)(3 * Page) + 17);
        memory.Write(11, data);
        memory.Read(11, data.Length).ShouldBe(data);
        memory.Fill(13, 0x5a, (2 * Page) + 5);
        data.AsSpan(2, (int)(2 * Page) + 5).Fill(0x5a);
        memory.Read(11, data.Length).ShouldBe(data);
        memory.Clear(Page - 1, 2);
        memory.Read(Page - 2, 4).ShouldBe([0x5a, 0, 0, 0x5a]);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Accesses_of_zero_bytes_succeed_anywhere(string path)
    {
        GuestMemory memory = Create(path);
        foreach (ulong address in new ulong[] { 0, 4 * Page, 5 * Page, ulong.MaxValue })
        {
            memory.TryRead(address, [], out GuestMemoryFault fault).ShouldBeTrue(fault.ToString());
            memory.TryWrite(address, [], out fault).ShouldBeTrue();
            memory.TryFill(address, 1, 0, out fault).ShouldBeTrue();
            memory.TryCopyTo(address, memory, address, 0, out fault).ShouldBeTrue();
            memory.TryProbe(address, 0, AccessType.Write, out fault).ShouldBeTrue();
            fault.IsFault.ShouldBeFalse();
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void The_last_byte_is_reachable_and_the_next_is_out_of_range(string path)
    {
        GuestMemory memory = Create(path);
        ulong end = 4 * Page;
        memory.Write(end - 1, (byte)9);
        memory.Read<byte>(end - 1).ShouldBe((byte)9);
        memory.Write(end - 8, 0x0102_0304_0506_0708UL);
        memory.ReadBytesFault(end - 4, 8).ShouldBeFault(GuestMemoryFaultKind.OutOfRange, end);
        memory.TryRead(end - 3, out uint _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, end);
        memory.TryWrite(end, (byte)1, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, end);
        memory.TryFill(1, 1, end, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, end);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Addresses_near_the_end_of_the_address_space_never_wrap(string path)
    {
        GuestMemory memory = Create(path);
        foreach (ulong address in new[] { ulong.MaxValue, ulong.MaxValue - 3, ulong.MaxValue - 7, 1UL << 63, 1UL << 52 })
        {
            memory.TryRead(address, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, address);
            memory.ReadBytesFault(address, 100).ShouldBeFault(GuestMemoryFaultKind.OutOfRange, address);
        }

        memory.TryFill(8, 0, ulong.MaxValue, out GuestMemoryFault wrapped).ShouldBeFalse();
        wrapped.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 4 * Page);
        memory.Read<byte>(8).ShouldBe((byte)0, "bounds are checked before anything is written");
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Compare_exchange_returns_what_was_there(string path)
    {
        GuestMemory memory = Create(path);
        Exchange<byte>(memory, 5, 1, 2, 3);
        Exchange<ushort>(memory, 6, 0x101, 0x202, 0x303);
        Exchange(memory, 8, 0x0101_0101u, 0x0202_0202u, 0x0303_0303u);
        Exchange(memory, Page - 8, 0x0101_0101_0101_0101UL, 0x0202_0202_0202_0202UL, 0x0303_0303_0303_0303UL);
        Exchange(memory, (4 * Page) - 8, 1.5, 2.5, 3.5);

        static void Exchange<T>(GuestMemory memory, ulong address, T first, T second, T other)
            where T : unmanaged
        {
            memory.Write(address, first);
            memory.CompareExchange(address, second, other).ShouldBe(first);
            memory.Read<T>(address).ShouldBe(first);
            memory.CompareExchange(address, second, first).ShouldBe(first);
            memory.Read<T>(address).ShouldBe(second);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Atomics_refuse_misaligned_addresses(string path)
    {
        GuestMemory memory = Create(path);
        memory.Fill(0, 0x11, Page);
        foreach (ulong address in new ulong[] { 1, 4, Page - 4 })
        {
            memory.TryCompareExchange(address, 0UL, 0x1111_1111_1111_1111UL, out _, out _, out GuestMemoryFault fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, address);
            memory.TryVolatileRead(address, out ulong _, out fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, address);
            memory.TryVolatileWrite(address, 0UL, out fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Misaligned, address);
        }

        memory.Read(0, 16).ShouldAllBe(b => b == 0x11);
        memory.VolatileWrite(8, 7u);
        memory.VolatileRead<uint>(8).ShouldBe(7u);
        Should.Throw<NotSupportedException>(() => memory.CompareExchange(0, Guid.Empty, Guid.Empty)).Message.ShouldContain("16 bytes");
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Integers_of_both_byte_orders(string path)
    {
        GuestMemory memory = Create(path);
        memory.WriteUInt32BigEndian(16, 0x0102_0304);
        memory.Read(16, 4).ShouldBe([1, 2, 3, 4]);
        memory.ReadUInt32LittleEndian(16).ShouldBe(0x0403_0201u);
        memory.WriteUInt64LittleEndian(24, unchecked((ulong)-2));
        memory.ReadUInt64LittleEndian(24).ShouldBe(unchecked((ulong)-2));
        memory.ReadUInt64BigEndian(24).ShouldBe(0xfeff_ffff_ffff_ffff);
        memory.WriteUInt16BigEndian(32, 0x0102);
        memory.ReadUInt16LittleEndian(32).ShouldBe((ushort)0x0201);
        memory.TryReadUInt64BigEndian(5 * Page, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 5 * Page);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Copies_are_exact_also_where_they_overlap(string path)
    {
        GuestMemory memory = Create(path);
        byte[] data = Pattern((int)(4 * Page), 3);
        foreach ((int from, int to, int length) in new[] { (0, 1, 9000), (1, 0, 9000), (100, 5000, 6000), (5000, 100, 6000), (3, 3, 12000), (0, 8192, 8192) })
        {
            memory.Write(0, data);
            byte[] expected = [.. data];
            data.AsSpan(from, length).CopyTo(expected.AsSpan(to));
            memory.CopyTo((ulong)from, memory, (ulong)to, (ulong)length);
            memory.Read(0, expected.Length).ShouldBe(expected);
        }

        using GuestMemory other = GuestMemory.Allocate(4 * Page);
        memory.Write(0, data);
        memory.CopyTo(5, other, 77, 10000);
        other.Read(77, 10000).ShouldBe(data.AsSpan(5, 10000).ToArray());
        other.CopyTo(77, memory, 6, 10000);
        memory.Read(6, 10000).ShouldBe(data.AsSpan(5, 10000).ToArray());
        memory.TryCopyTo(0, other, 4 * Page - 10, 11, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 4 * Page);
        fault.MemoryName.ShouldBe("heap");
        fault.Operation.ShouldBe(GuestMemoryOperation.Copy);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Try_forms_neither_throw_nor_allocate_on_failure(string path)
    {
        GuestMemory memory = Create(path);
        var buffer = new byte[32];
        Allocations.Of(() => Fail(memory, buffer, 2)).ShouldBe(0);

        static void Fail(GuestMemory memory, byte[] buffer, int count)
        {
            for (int i = 0; i < count; i++)
            {
                ulong bad = (4 * Page) - 4 + ((ulong)i * 8);
                bool any = memory.TryRead(bad, out ulong _) | memory.TryRead(bad, out uint _, out _) & bad > 4 * Page
                    | memory.TryRead(bad, buffer) | memory.TryWrite(bad, 1UL) | memory.TryWrite(bad, buffer)
                    | memory.TryFill(bad, 0, 16) | memory.TryCompareExchange(bad, 1UL, 2UL, out _, out _, out _)
                    | memory.TryCopyTo(bad, memory, 0, 16, out _) | memory.TryProbe(bad, 16, AccessType.Write, out _);
                if (any)
                {
                    throw new InvalidOperationException("succeeded out of range");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Disposed_memory_faults(string path)
    {
        GuestMemory memory = Create(path);
        memory.Write(0, 1);
        GuestMemory view = memory.Slice(8, 64);
        memory.Dispose();
        memory.TryRead(0, out int _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Disposed, 0);
        memory.TryWrite(0, new byte[10], out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        memory.TryFill(0, 1, 10, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        memory.TryCompareExchange(0, 1, 2, out _, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        view.TryRead(0, out int _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        view.TryRead(0, new byte[4], out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        memory.Dispose();
    }
}
