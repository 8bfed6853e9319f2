using Hyperspan.Guarding;
using Hyperspan.Streaming;

namespace Hyperspan.Tests.Memory;

/// <summary>A hole in the caller's own buffer is reported as that, at once, and never as the guest's.</summary>
public sealed unsafe class CallerBufferTests : IDisposable
{
    private const int Page = 4096;
    private const ulong Length = 16 * Page;

    private readonly SparseBacking _mapping = new(Length);
    private readonly SparseBacking _own = new(Length);
    private readonly GuestMemory _memory;
    private readonly GuestMemory _restricted;

    public CallerBufferTests()
    {
        _mapping.Commit(0, Length);
        _own.Commit(0, Length);
        _own.Unmap(5 * Page, Page);
        _memory = new GuestMemory(_mapping, "ram");
        byte[] bits = [0xff, 0xff];
        var under = new SparseBacking(Length);
        under.Commit(0, Length);
        _restricted = new GuestMemory(new MappedBacking(under, bits, bits), "restricted");
    }

    public void Dispose()
    {
        _memory.Dispose();
        _restricted.Dispose();
        _own.Dispose();
    }

    // Where in the own buffer it begins, and how long it is: the hole is the first byte, the last, in the middle, or all of it.
    [LinuxTheory]
    [InlineData(5 * Page, 8)]
    [InlineData((5 * Page) - 7, 8)]
    [InlineData((5 * Page) - 60, 64)]
    [InlineData((6 * Page) - 1, 300)]
    [InlineData((5 * Page) + 16, 1000)]
    [InlineData(4 * Page, 3 * Page)]
    [InlineData(0, 12 * Page)]
    public void Reading_and_writing(int start, int length)
    {
        var own = new Span<byte>(_own.Mapping + start, length);
        foreach (GuestMemory memory in (GuestMemory[])[_memory, _restricted])
        {
            memory.TryRead(0x2000, own, out GuestMemoryFault fault).ShouldBeFalse();
            ShouldBeOwn(fault, GuestMemoryOperation.Read, 0x2000, length);
            memory.TryWrite(0x3008, own, out fault).ShouldBeFalse();
            ShouldBeOwn(fault, GuestMemoryOperation.Write, 0x3008, length);
        }
    }

    [LinuxFact]
    public void The_lower_of_two_holes_is_reported()
    {
        _mapping.Unmap(8 * Page, Page);

        // The guest's hole is in the third page of the access, the buffer's in the second, then in the fourth.
        _memory.TryRead(6 * Page, new Span<byte>(_own.Mapping + (4 * Page), 4 * Page), out GuestMemoryFault fault).ShouldBeFalse();
        ShouldBeOwn(fault, GuestMemoryOperation.Read, 6 * Page, 4 * Page);
        _memory.TryRead(6 * Page, new Span<byte>(_own.Mapping + (2 * Page), 4 * Page), out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Unmapped);
        fault.Address.ShouldBe(8UL * Page);
    }

    [LinuxFact]
    public void Page_lists_and_readers()
    {
        ulong[] pages = [9, 3, 4];
        var range = new PagedRange(pages, 0, 3 * Page);
        var own = new Span<byte>(_own.Mapping + (3 * Page), 3 * Page);
        _memory.TryRead(range, own, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.CallerBuffer);
        _memory.TryWrite(range, own, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.CallerBuffer);

        var reader = new RangeReader(_memory, new GuestRange(0x1000, 4 * Page));
        reader.TryRead(own, out StreamingFault streaming).ShouldBeFalse();
        streaming.MemoryFault.Kind.ShouldBe(GuestMemoryFaultKind.CallerBuffer);
    }

    [LinuxFact]
    public void The_text_says_whose_side_it_was()
    {
        _memory.TryRead(0x2000, new Span<byte>(_own.Mapping + (5 * Page), 8), out GuestMemoryFault fault).ShouldBeFalse();
        fault.ToString().ShouldBe("guest memory 'ram': read error: failed to access 0x2000-0x2008: the caller's buffer cannot be accessed (SIGSEGV)");
    }

    [LinuxTheory]
    [InlineData(0, 5 * Page, 100)]
    [InlineData(Page - 10, (5 * Page) - 50, 100)]
    [InlineData(0, 0, 12 * Page)]
    public void The_substitute_tells_the_sides_apart(int guest, int own, int length)
    {
        byte* hole = _own.Mapping + (5 * Page);
        GuardedResult toOwn = SubstituteGuard.Copy(_own.Mapping + own, _mapping.Mapping + guest, (nuint)length);
        toOwn.Ok.ShouldBeFalse();
        (toOwn.Value - (ulong)_mapping.Mapping).ShouldBeGreaterThanOrEqualTo(Length);
        GuardedResult fromOwn = SubstituteGuard.Copy(_mapping.Mapping + guest, _own.Mapping + own, (nuint)length);
        ((nint)fromOwn.Value).ShouldBe((nint)hole);
    }

    /// <summary>Found out by looking at pages, and not by leaving out one byte after the other.</summary>
    [LinuxFact]
    public void What_is_available_ends_at_the_hole()
    {
        var own = new Span<byte>(_own.Mapping, (int)Length);
        long start = Environment.TickCount64;
        for (int i = 0; i < 20; i++)
        {
            _memory.ReadAvailable(0, own, out GuestMemoryFault fault).ShouldBe(5 * Page);
            fault.Kind.ShouldBe(GuestMemoryFaultKind.CallerBuffer);
        }

        _memory.ReadAvailable(0, own[(5 * Page)..]).ShouldBe(0);
        (Environment.TickCount64 - start).ShouldBeLessThan(2_000);
    }

    private static void ShouldBeOwn(in GuestMemoryFault fault, GuestMemoryOperation operation, ulong start, int length)
    {
        fault.Kind.ShouldBe(GuestMemoryFaultKind.CallerBuffer);
        fault.Operation.ShouldBe(operation);
        fault.Address.ShouldBeNull();
        fault.BackingName.ShouldBeNull();
        (fault.Start.Value, fault.Length).ShouldBe((start, (ulong)length));
    }
}
