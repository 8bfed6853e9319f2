using System.Globalization;

namespace Hyperspan.Tests.Backing;

[Collection(nameof(LifetimeTests))]
public sealed unsafe class HeapBackingTests
{
    private static readonly ulong Page = SelfProbe.Page;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Is_zeroed_aligned_rounded_and_never_faults(bool onLinux)
    {
        using HeapBacking memory = new(10_000, new HeapBackingOptions { Alignment = 1 << 16 }, onLinux);
        memory.Length.ShouldBe(3UL * GuestAddress.PageSize);
        ((ulong)memory.Mapping % (1 << 16)).ShouldBe(0UL);
        memory.FaultBehavior.ShouldBe(FaultBehavior.Never);
        memory.Name.ShouldBe("heap");
        memory.IsPinnable.ShouldBeTrue();
        memory.GetShareableRegions().ShouldBeEmpty();
        new Span<byte>(memory.Mapping, (int)memory.Length).ContainsAnyExcept((byte)0).ShouldBeFalse();
        memory.Mapping[memory.Length - 1] = 1;
        memory.Dispose();
        memory.Mapping[0] = 1;
    }

    [Fact]
    public void Dispose_drops_the_memory_and_keeps_the_addresses_accessible()
    {
        HeapBacking memory = new(64 * Page, new() { Prefault = true, HugePageAdvice = HugePageAdvice.Avoid });
        SelfProbe.Resident(memory.Mapping, 64 * Page).ShouldBe(64 * Page);
        memory.Mapping[Page] = 1;
        memory.Dispose();
        memory.Mapping[Page].ShouldBe((byte)0);
        SelfProbe.Resident(memory.Mapping, 64 * Page).ShouldBe(Page, "the one just read");
        SelfProbe.Access(memory.Mapping + (63 * Page)).ShouldBe("rw");
        GC.KeepAlive(memory);
    }

    [Fact]
    public void Length_can_be_exact_and_zero()
    {
        using HeapBacking exact = new(17, new() { ExactLength = true, Name = "small" });
        exact.Length.ShouldBe(17UL);
        exact.Name.ShouldBe("small");
        using HeapBacking empty = new(0);
        empty.Length.ShouldBe(0UL);
        (empty.Mapping == null).ShouldBeTrue();
        using HeapBacking copy = new([1, 2, 3], new() { Name = "rom" });
        copy.Length.ShouldBe(3UL);
        copy.Name.ShouldBe("rom");
        new Span<byte>(copy.Mapping, 3).ToArray().ShouldBe([1, 2, 3]);
        copy.IsWritable.ShouldBeTrue();
        using HeapBacking none = new([]);
        none.Length.ShouldBe(0UL);
    }

    [Fact]
    public void Refuses_what_cannot_be()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => new HeapBacking(ulong.MaxValue)).ParamName.ShouldBe("length");
        Should.Throw<ArgumentException>(() => new HeapBacking(1, new() { Alignment = 0 }));
        Should.Throw<ArgumentException>(() => new HeapBacking(1, new() { Alignment = 6000 }));
    }

    [SkippableFact]
    public void More_memory_than_the_system_promises_is_a_clear_error()
    {
        Skip.If(File.ReadAllText("/proc/sys/vm/overcommit_memory").Trim() == "1", "this system promises any amount of memory");
        int maps = SelfProbe.MapsCount();
        Should.Throw<GuestMemoryMappingException>(() => new HeapBacking(1UL << 45, new() { Name = "ram" })).Message
            .ShouldStartWith("'ram': cannot allocate 0x0-0x200000000000: ENOMEM (");
        (SelfProbe.MapsCount() - maps).ShouldBeLessThan(10);
    }

    [Fact]
    public void Huge_page_advice_aligns_and_is_passed_on()
    {
        using HeapBacking memory = new(4UL << 20, new() { HugePageAdvice = HugePageAdvice.Prefer });
        ((ulong)memory.Mapping % (2UL << 20)).ShouldBe(0UL);
        string start = ((ulong)memory.Mapping).ToString("x", CultureInfo.InvariantCulture);
        string flags = File.ReadLines("/proc/self/smaps")
            .SkipWhile(line => !line.StartsWith(start, StringComparison.Ordinal))
            .First(line => line.StartsWith("VmFlags:", StringComparison.Ordinal));
        if (Directory.Exists("/sys/kernel/mm/transparent_hugepage"))
        {
            flags.ShouldContain(" hg");
        }
    }

    [Fact]
    public void The_buffer_is_there_for_its_sole_owner()
    {
        HeapBacking memory = new(2 * Page);
        memory.TryAccess(7, (bytes, state) =>
        {
            bytes.Length.ShouldBe((int)(2 * Page));
            bytes[^1] = (byte)state;
        }).ShouldBeTrue();
        memory.TryAccess((2 * Page) - 1, 1, 0, (bytes, _) => bytes[0].ShouldBe((byte)7)).ShouldBeTrue();
        memory.TryAccess(2 * Page, 0, 0, (bytes, _) => bytes.IsEmpty.ShouldBeTrue()).ShouldBeTrue();
        Should.Throw<ArgumentOutOfRangeException>(() => memory.TryAccess(Page, (int)Page + 1, 0, (_, _) => { })).ParamName.ShouldBe("length");
        Should.Throw<ArgumentOutOfRangeException>(() => memory.TryAccess(ulong.MaxValue, 1, 0, (_, _) => { })).ParamName.ShouldBe("offset");
        Should.Throw<ArgumentOutOfRangeException>(() => memory.TryAccess(0, -1, 0, (_, _) => { })).ParamName.ShouldBe("length");
        Should.Throw<ArgumentNullException>(() => memory.TryAccess<int>(0, null!));

        // Dispose in the middle: the contents stay until the callback is through.
        memory.TryAccess(memory, (bytes, owner) =>
        {
            bytes[0] = 5;
            owner.Dispose();
            bytes[0].ShouldBe((byte)5);
        }).ShouldBeTrue();
        memory.Mapping[0].ShouldBe((byte)0);
        memory.TryAccess(0, (_, _) => throw new InvalidOperationException("disposed")).ShouldBeFalse();
        GC.KeepAlive(memory);
    }

    [Fact]
    public void A_buffer_of_no_bytes_is_handed_out_too()
    {
        using HeapBacking memory = new(0);
        int length = -1;
        memory.TryAccess(0, (bytes, _) => length = bytes.Length).ShouldBeTrue();
        length.ShouldBe(0);
    }

    [Fact]
    public void A_buffer_larger_than_a_span_is_accessed_in_parts()
    {
        using HeapBacking memory = new(3UL << 30);
        Should.Throw<ArgumentOutOfRangeException>(() => memory.TryAccess(0, (_, _) => { }));
        memory.TryAccess((3UL << 30) - 4, 4, 0, (bytes, _) => bytes.Fill(1)).ShouldBeTrue();
        memory.Mapping[(3UL << 30) - 1].ShouldBe((byte)1);
    }
}
