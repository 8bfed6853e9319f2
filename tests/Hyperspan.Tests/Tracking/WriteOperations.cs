using Hyperspan.Streaming;

namespace Hyperspan.Tests.Tracking;

/// <summary>Every way to write to a memory, with the bytes that it writes.</summary>
internal static unsafe class WriteOperations
{
    private const ulong Page = TrackedMemories.Page;

    /// <summary>What does it, and the range that it writes.</summary>
    internal static IReadOnlyDictionary<string, (Action<GuestMemory> Write, ulong Start, ulong Length)> All { get; } =
        new Dictionary<string, (Action<GuestMemory> Write, ulong Start, ulong Length)>(StringComparer.Ordinal)
        {
            ["byte"] = (static memory => memory.Write(Page, (byte)1), Page, 1),
            ["value"] = (static memory => memory.Write((2 * Page) + 8, 1UL), (2 * Page) + 8, 8),
            ["value, tried"] = (static memory => memory.TryWrite((2 * Page) + 16, 1u).ShouldBeTrue(), (2 * Page) + 16, 4),
            ["last value"] = (static memory => memory.TryWrite((16 * Page) - 4, 1u, out _).ShouldBeTrue(), (16 * Page) - 4, 4),
            ["value over pages"] = (static memory => memory.Write((3 * Page) - 4, 1UL), (3 * Page) - 4, 8),
            ["large value"] = (static memory => memory.Write((5 * Page) - 8, default(Int128)), (5 * Page) - 8, 16),
            ["release"] = (static memory => memory.VolatileWrite(4 * Page, (ushort)1), 4 * Page, 2),
            ["big-endian"] = (static memory => memory.WriteUInt32BigEndian(4 * Page, 1), 4 * Page, 4),
            ["no bytes"] = (static memory => memory.Write(4 * Page, []), 0, 0),
            ["short bytes"] = (static memory => memory.Write(Page - 3, new byte[20]), Page - 3, 20),
            ["medium bytes"] = (static memory => memory.Write(6 * Page, new byte[200]), 6 * Page, 200),
            ["long bytes"] = (static memory => memory.TryWrite(100, new byte[9000]).ShouldBeTrue(), 100, 9000),
            ["bytes at an address"] = (static memory => WriteFrom(memory, 2000, 3000), 2000, 3000),
            ["short fill"] = (static memory => memory.Fill(100, 1, 3), 100, 3),
            ["fill"] = (static memory => memory.Fill(Page + 1, 1, 7 * Page), Page + 1, 7 * Page),
            ["zero"] = (static memory => memory.TryClear((9 * Page) - 1, 2, out _).ShouldBeTrue(), (9 * Page) - 1, 2),
            ["all"] = (static memory => memory.Clear(0, TrackedMemories.Length), 0, TrackedMemories.Length),
            ["compare-exchange"] = (static memory => memory.CompareExchange(11 * Page, 1, 0), 11 * Page, 4),
            ["exchange"] = (static memory => memory.Exchange(11 * Page, 1L), 11 * Page, 8),
            ["add"] = (static memory => memory.Add(12 * Page, (byte)1), 12 * Page, 1),
            ["or"] = (static memory => memory.TryOr(13 * Page, 1, out _, out _).ShouldBeTrue(), 13 * Page, 4),
            ["and"] = (static memory => memory.And(13 * Page, 1), 13 * Page, 4),
            ["array"] = (static memory => memory.Write(Page, (ReadOnlySpan<long>)new long[700]), Page, 5600),
            ["copy"] = (static memory => memory.CopyTo(Page, memory, (5 * Page) + 1, Page), (5 * Page) + 1, Page),
            ["copy upwards over itself"] = (static memory => memory.CopyTo(Page, memory, Page + 10, 2 * Page), Page + 10, 2 * Page),
            ["copy downwards over itself"] = (static memory => memory.CopyTo(Page + 10, memory, Page, 2 * Page), Page, 2 * Page),
            ["copy from elsewhere"] = (CopyFromHeap, 7 * Page, 5000),
            ["paged range"] = (static memory => memory.Write(new PagedRange([3, 9], 10, 5000), new byte[5000]), 0, 0),
            ["paged fill"] = (static memory => memory.Fill(new PagedRange([3, 9], 10, 5000), 1), 0, 0),
            ["stream"] = (WriteStream, 7000, 100),
        };

    /// <summary>The pages that an operation writes, where it is written through addresses that begin somewhere in a memory.</summary>
    internal static ulong[] PagesOf(string operation, ulong start)
    {
        (_, ulong at, ulong length) = All[operation];
        (ulong At, ulong Length)[] pieces = operation.StartsWith("paged", StringComparison.Ordinal)
            ? [((3 * Page) + 10, Page - 10), (9 * Page, 5000 - (Page - 10))]
            : [(at, length)];
        var pages = new SortedSet<ulong>();
        foreach ((ulong first, ulong count) in pieces)
        {
            for (ulong page = (start + first) / Page; count != 0 && page <= (start + first + count - 1) / Page; page++)
            {
                pages.Add(page);
            }
        }

        return [.. pages];
    }

    private static void WriteFrom(GuestMemory memory, ulong address, ulong length)
    {
        fixed (byte* source = new byte[length])
        {
            memory.Write(address, source, length);
        }
    }

    private static void CopyFromHeap(GuestMemory memory)
    {
        using GuestMemory other = GuestMemory.Allocate(2 * Page);
        other.CopyTo(0, memory, 7 * Page, 5000);
    }

    private static void WriteStream(GuestMemory memory)
    {
        using var stream = new GuestMemoryStream(memory, new GuestRange(7000, 100));
        stream.Write(new byte[100]);
    }
}
