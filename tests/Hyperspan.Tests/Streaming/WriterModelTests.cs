using System.Runtime.InteropServices;

using FsCheck;
using FsCheck.Fluent;

using Hyperspan.Streaming;

namespace Hyperspan.Tests.Streaming;

/// <summary>Every writer against a byte array.</summary>
public class WriterModelTests
{
    [Fact]
    public void A_span_is_written_as_an_array_is() => Check((steps, limit) =>
    {
        var bytes = new byte[StreamingPlaces.Length];
        var writer = new SpanMemoryWriter(bytes);
        bytes.AsSpan().SequenceEqual(Follow(ref writer, steps, limit)).ShouldBeTrue();
    });

    [Fact]
    public void A_range_is_written_as_an_array_is() => CheckIn("range", (places, steps, limit) =>
    {
        var writer = new RangeWriter(places.Memory, StreamingPlaces.Range);
        return Follow(ref writer, steps, limit);
    });

    [Fact]
    public void A_paged_range_is_written_as_an_array_is() => CheckIn("paged", (places, steps, limit) =>
    {
        var writer = new PagedWriter(places.Memory, StreamingPlaces.Paged);
        return Follow(ref writer, steps, limit);
    });

    [Fact]
    public void A_list_of_paged_ranges_is_written_as_an_array_is() => CheckIn("list", (places, steps, limit) =>
    {
        var writer = new PagedWriter(places.Memory, StreamingPlaces.Parts);
        return Follow(ref writer, steps, limit);
    });

    private static byte[] Follow<TWriter>(ref TWriter writer, Step[] steps, int limit)
        where TWriter : struct, IMemoryWriter, allows ref struct
    {
        var model = new byte[StreamingPlaces.Length];
        int at = 0;
        foreach (Step step in steps)
        {
            Follow(ref writer, model, ref at, step, model.Length);
        }

        ulong before = writer.Remaining;
        LimitedWriter<TWriter> limited = writer.Limit((ulong)limit);
        int end = Math.Min(model.Length, at + limit);
        foreach (Step step in steps)
        {
            Follow(ref limited, model, ref at, step, end);
        }

        writer.Remaining.ShouldBe(before);
        writer = limited.Inner;
        foreach (Step step in steps)
        {
            Follow(ref writer, model, ref at, step, model.Length);
        }

        return model;
    }

    private static void Follow<TWriter>(ref TWriter writer, byte[] model, ref int at, Step step, int end)
        where TWriter : struct, IMemoryWriter, allows ref struct
    {
        int left = end - at;
        writer.Remaining.ShouldBe((ulong)left);
        byte[] bytes = MemoryAssert.Pattern(step.Length, step.Seed);
        double number = step.Seed * 1.7;
        (byte[] written, bool done, StreamingFault fault) = step.Kind switch
        {
            0 => (bytes, writer.TryWrite(bytes, out StreamingFault f), f),
            1 => (Repeat((byte)step.Seed, step.Length), writer.TryFill((byte)step.Seed, (ulong)step.Length, out StreamingFault f), f),
            2 => (new byte[step.Length], writer.TryClear((ulong)step.Length, out StreamingFault f), f),
            3 => ([(byte)step.Seed], writer.TryWrite((byte)step.Seed, out StreamingFault f), f),
            4 => (BitConverter.GetBytes(step.Seed), writer.TryWrite(step.Seed, out StreamingFault f), f),
            5 => (BitConverter.GetBytes(number), writer.TryWrite(number, out StreamingFault f), f),
            _ => (MemoryMarshal.AsBytes(new Guid[] { new(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) }.AsSpan()).ToArray(),
                writer.TryWrite(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), out StreamingFault f), f),
        };
        done.ShouldBe(written.Length <= left);
        if (done)
        {
            written.CopyTo(model, at);
            at += written.Length;
        }
        else
        {
            fault.Kind.ShouldBe(StreamingFaultKind.OutOfRange);
            (fault.Requested, fault.Remaining).ShouldBe(((ulong)written.Length, (ulong)left));
        }

        writer.Remaining.ShouldBe((ulong)(end - at));
    }

    private static byte[] Repeat(byte value, int length)
    {
        var bytes = new byte[length];
        bytes.AsSpan().Fill(value);
        return bytes;
    }

    private static void CheckIn(string place, Func<StreamingPlaces, Step[], int, byte[]> test)
    {
        using var places = new StreamingPlaces();
        Check((steps, limit) =>
        {
            places.Memory.Clear(0, places.Memory.End);
            byte[] model = test(places, steps, limit);
            places.Content(place).AsSpan().SequenceEqual(model).ShouldBeTrue();

            // Nothing besides.
            places.Fill(place, new byte[StreamingPlaces.Length]);
            places.Memory.Read(0, (int)places.Memory.End).AsSpan().ContainsAnyExcept((byte)0).ShouldBeFalse();
        });
    }

    private static void Check(Action<Step[], int> test)
    {
        Gen<Step> step =
            from kind in Gen.Choose(0, 6)
            from length in Gen.OneOf(Gen.Choose(0, 20), Gen.Choose(0, 3000), Gen.Elements(4095, 4096, 4097, 20000))
            from seed in Gen.Choose(1, int.MaxValue)
            select new Step(kind, length, seed);
        Gen<(Step[], int)> cases =
            from count in Gen.Choose(0, 8)
            from steps in step.ArrayOf(count)
            from limit in Gen.Choose(0, 6000)
            select (steps, limit);
        Prop.ForAll(cases.ToArbitrary(), value => test(value.Item1, value.Item2)).Check(Config.QuickThrowOnFailure.WithMaxTest(150));
    }

    private readonly record struct Step(int Kind, int Length, int Seed);
}
