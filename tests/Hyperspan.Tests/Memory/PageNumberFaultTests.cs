using Hyperspan.Streaming;

namespace Hyperspan.Tests.Memory;

/// <summary>A number in a list of pages that names no address: the fault gives the number, its place and the operation.</summary>
public sealed class PageNumberFaultTests : IDisposable
{
    private const ulong Impossible = 1UL << 52;

    private readonly GuestMemory _memory = new(new HeapBacking(16 * 4096), "ram");

    public static TheoryData<int, ulong> Places => new()
    {
        { 0, Impossible },
        { 1, Impossible + 5 },
        { 2, ulong.MaxValue },
    };

    public void Dispose() => _memory.Dispose();

    [Theory]
    [MemberData(nameof(Places))]
    public void Every_operation_names_it(int index, ulong number)
    {
        ulong[] pages = [1, 2, 7];
        pages[index] = number;
        var range = new PagedRange(pages, 0, 3 * 4096);
        var buffer = new byte[3 * 4096];

        _memory.TryRead(range, buffer, out GuestMemoryFault fault).ShouldBeFalse();
        ShouldName(fault, "read", index, number);
        _memory.TryWrite(range, buffer, out fault).ShouldBeFalse();
        ShouldName(fault, "write", index, number);
        _memory.TryFill(range, 1, out fault).ShouldBeFalse();
        ShouldName(fault, "fill", index, number);
        _memory.TryProbePages(pages, AccessType.Read, out fault).ShouldBeFalse();
        ShouldName(fault, "probe", index, number);
        _memory.TryPinPages(pages, AccessType.Read, out _, out fault).ShouldBeFalse();
        ShouldName(fault, "pin", index, number);
        _memory.TryPin(range, AccessType.Write, out _, out fault).ShouldBeFalse();
        ShouldName(fault, "pin", index, number);

        using var vectors = new GuestIoVectors(AccessType.Read);
        vectors.TryAdd(_memory, range, out fault).ShouldBeFalse();
        ShouldName(fault, "pin", index, number);
        new PagedReader(_memory, range).TryRead(buffer, out StreamingFault streaming).ShouldBeFalse();
        ShouldName(streaming.MemoryFault, "read", index, number);
        new PagedWriter(_memory, range).TryWrite(buffer, out streaming).ShouldBeFalse();
        ShouldName(streaming.MemoryFault, "write", index, number);
    }

    [Fact]
    public void Other_faults_have_none()
    {
        _memory.TryRead(1 << 20, out byte _, out GuestMemoryFault fault).ShouldBeFalse();
        (fault.PageNumber, fault.PageIndex).ShouldBe((null, null));
        (default(GuestMemoryFault).PageNumber, default(GuestMemoryFault).PageIndex).ShouldBe((null, null));
    }

    private static void ShouldName(in GuestMemoryFault fault, string operation, int index, ulong number)
    {
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
        (fault.PageNumber, fault.PageIndex).ShouldBe((number, index));
        (fault.HasRange, fault.Address).ShouldBe((false, null));
        fault.ToString().ShouldBe($"guest memory 'ram': {operation} error: page number 0x{number:x} at index {index} of the list names no address");
    }
}
