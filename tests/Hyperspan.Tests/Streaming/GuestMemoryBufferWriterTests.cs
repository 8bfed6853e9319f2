using System.Buffers;
using System.Text.Json;

using FsCheck;
using FsCheck.Fluent;

using Hyperspan.Streaming;

namespace Hyperspan.Tests.Streaming;

public class GuestMemoryBufferWriterTests
{
    [Theory]
    [InlineData("range")]
    [InlineData("list")]
    public void What_is_written_arrives(string place)
    {
        using var places = new StreamingPlaces();
        Gen<int[]> sizes = Gen.Choose(0, 15).SelectMany(count => Gen.OneOf(Gen.Choose(0, 40), Gen.Choose(0, 3000)).ArrayOf(count));
        Prop.ForAll(sizes.ToArbitrary(), steps =>
        {
            places.Fill(place, new byte[StreamingPlaces.Length]);
            using GuestMemoryBufferWriter writer = Make(places, place);
            var model = new List<byte>();
            foreach (int size in steps.TakeWhile(size => model.Count + size <= StreamingPlaces.Length))
            {
                byte[] bytes = MemoryAssert.Pattern(size, size);
                bytes.CopyTo(size % 2 == 0 ? writer.GetSpan(size) : writer.GetMemory(size).Span);
                writer.Advance(size);
                model.AddRange(bytes);
                (writer.Flushed + (ulong)writer.Buffered).ShouldBe((ulong)model.Count);
                writer.Remaining.ShouldBe((ulong)(StreamingPlaces.Length - model.Count));
            }

            writer.Flush();
            writer.Buffered.ShouldBe(0);
            model.AddRange(new byte[StreamingPlaces.Length - model.Count]);
            places.Content(place).AsSpan().SequenceEqual(model.ToArray()).ShouldBeTrue();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100));
    }

    [Fact]
    public void A_serializer_writes_to_scattered_pages()
    {
        using var places = new StreamingPlaces();
        string[] names = [.. Enumerable.Range(0, 500).Select(i => $"name {i}")];
        using GuestMemoryBufferWriter writer = Make(places, "list");
        using (var json = new Utf8JsonWriter(writer))
        {
            json.WriteStartArray();
            foreach (string name in names)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
        }

        writer.Flush();
        var reader = new PagedReader(places.Memory, StreamingPlaces.Parts.Truncate(writer.Flushed));
        using JsonDocument document = JsonDocument.Parse(reader.ReadSequence(100));
        document.RootElement.EnumerateArray().Select(e => e.GetString()).ShouldBe(names);
    }

    [Fact]
    public void Nothing_is_sent_before_a_flush_and_nothing_by_disposing()
    {
        using GuestMemory memory = GuestMemory.Allocate(0x1000);
        var writer = new GuestMemoryBufferWriter(memory, new GuestRange(0, 0x1000), bufferSize: 16);
        writer.GetSpan(4).Fill(1);
        writer.Advance(4);
        memory.Read<uint>(0).ShouldBe(0u);

        // No more room in the buffer: flushed by itself.
        writer.GetSpan(0x100).Fill(2);
        memory.Read<uint>(0).ShouldBe(0x01010101u);
        writer.Advance(4);
        writer.Dispose();
        writer.Dispose();
        memory.Read<uint>(4).ShouldBe(0u);
        Should.Throw<ObjectDisposedException>(writer.Flush);
        Should.Throw<ObjectDisposedException>(() => writer.GetMemory());
        Should.Throw<ObjectDisposedException>(() => writer.Advance(0));
    }

    [Fact]
    public void More_than_is_left_is_refused_and_forgotten()
    {
        using GuestMemory memory = GuestMemory.Allocate(0x1000);
        using var writer = new GuestMemoryBufferWriter(memory, 0, 6);
        writer.GetSpan(8)[..8].Fill(1);
        MemoryStreamingException e = Should.Throw<MemoryStreamingException>(() => writer.Advance(8));
        (e.Kind, e.Fault.Requested, e.Fault.Remaining).ShouldBe((StreamingFaultKind.OutOfRange, 8UL, 6UL));
        writer.Advance(6);
        writer.Remaining.ShouldBe(0UL);
        writer.GetSpan().Length.ShouldBeGreaterThan(0);
        Should.Throw<MemoryStreamingException>(() => writer.Advance(1));
        writer.Flush();
        memory.Read<ulong>(0).ShouldBe(0x0000010101010101UL);
        Should.Throw<InvalidOperationException>(() => writer.Advance(int.MaxValue));
        Should.Throw<ArgumentOutOfRangeException>(() => writer.Advance(-1));
        Should.Throw<ArgumentOutOfRangeException>(() => writer.GetSpan(-1));
    }

    [Fact]
    public void A_flush_that_fails_can_be_tried_again()
    {
        var mapping = new SparseBacking(0x2000);
        using var memory = new GuestMemory(mapping, "ram");
        using var writer = new GuestMemoryBufferWriter(memory, new GuestRange(0x1000, 0x100), bufferSize: 16);
        writer.GetSpan(8).Fill(9);
        writer.Advance(8);
        writer.TryFlush(out StreamingFault fault).ShouldBeFalse();
        fault.MemoryFault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x1000);
        Should.Throw<MemoryStreamingException>(() => writer.GetSpan(0x100));
        (writer.Flushed, writer.Buffered).ShouldBe((0UL, 8));
        mapping.Commit(0x1000, 0x1000);
        writer.Flush();
        (writer.Flushed, writer.Buffered).ShouldBe((8UL, 0));
        memory.Read<ulong>(0x1000).ShouldBe(0x0909090909090909UL);
    }

    private static GuestMemoryBufferWriter Make(StreamingPlaces places, string place) => place == "range"
        ? new(places.Memory, StreamingPlaces.Range, bufferSize: 100)
        : new(places.Memory, StreamingPlaces.List, bufferSize: 100);
}
