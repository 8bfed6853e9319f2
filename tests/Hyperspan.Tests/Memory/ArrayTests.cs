using Hyperspan.Tests.Resilience;

namespace Hyperspan.Tests;

/// <summary>Values read and written as spans and arrays.</summary>
public class ArrayTests
{
    private const ulong Page = 4096;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(700)]
    [InlineData(5000)]
    public void Values_come_back_as_they_were_written_at_any_address(int count)
    {
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, new HeapBacking(5 * Page)).AddRegion(5 * Page, new HeapBacking(20 * Page)).Build();
        long[] values = [.. Enumerable.Range(0, count).Select(i => i * 0x0102_0304_0506_0709L)];
        foreach (ulong at in (ulong[])[0, 8, 4091, (5 * Page) - 4])
        {
            memory.Write(at, (ReadOnlySpan<long>)values);
            memory.ReadArray<long>(at, count).ShouldBe(values);
            var read = new long[count];
            memory.Read(at, read.AsSpan());
            read.ShouldBe(values);
            memory.TryRead(at, read.AsSpan(), out GuestMemoryFault fault).ShouldBeTrue();
            fault.IsFault.ShouldBeFalse();
        }
    }

    [Fact]
    public void Arrays_spans_and_collections_are_taken_for_what_they_look_like()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        memory.Write(0, (ushort[])[0x1234, 0x5678]);
        memory.ReadArray<byte>(0, 4).ShouldBe([0x34, 0x12, 0x78, 0x56]);
        Span<Guid> ids = [Guid.Parse("00112233-4455-6677-8899-aabbccddeeff")];
        memory.Write(16, ids);
        memory.Read<Guid>(16).ShouldBe(ids[0]);
        memory.Write(32, [1, 2, 3]);
        memory.ReadArray<byte>(32, 4).ShouldBe([1, 2, 3, 0]);
        memory.TryWrite(40, new uint[] { 9 }, out _).ShouldBeTrue();
        memory.Read<ulong>(40).ShouldBe(9UL);
    }

    [Theory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void A_page_that_is_not_there_is_named_by_its_first_byte(string reason)
    {
        using var hole = new HoleInMemory(reason);
        GuestMemory memory = hole.Memory;
        memory.TryRead(Page - 6, new int[4].AsSpan(), out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(hole.Kind, Page);
        (fault.Start.Value, fault.Length).ShouldBe((Page - 6, 16UL));
        memory.TryWrite(Page - 6, (ReadOnlySpan<int>)[1, 2], out fault).ShouldBeFalse();
        fault.ShouldBeFault(hole.Kind, Page);
        memory.TryReadArray(Page - 6, 2, out int[]? values, out fault).ShouldBeFalse();
        values.ShouldBeNull();
        fault.ShouldBeFault(hole.Kind, Page);
        Should.Throw<GuestMemoryException>(() => memory.ReadArray<int>(Page - 6, 2)).Address.ShouldBe(new GuestAddress(Page));
        Should.Throw<GuestMemoryException>(() => memory.Read(Page - 6, new int[2].AsSpan()));
        Should.Throw<GuestMemoryException>(() => memory.Write(Page - 6, new int[2]));
    }

    [Fact]
    public void No_array_is_made_of_more_than_the_memory_has()
    {
        using GuestMemory memory = GuestMemory.Allocate(Page);
        long before = GC.GetAllocatedBytesForCurrentThread();
        memory.TryReadArray(8, int.MaxValue, out ulong[]? values, out GuestMemoryFault fault).ShouldBeFalse();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1024);
        values.ShouldBeNull();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, Page);
        Should.Throw<ArgumentOutOfRangeException>(() => memory.ReadArray<byte>(0, -1));
        Should.Throw<NotSupportedException>(() => memory.ReadArray<bool>(0, 1)).Message.ShouldContain("bool");
    }
}
