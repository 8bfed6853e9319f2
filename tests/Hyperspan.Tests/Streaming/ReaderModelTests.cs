using System.Buffers;
using System.Runtime.InteropServices;

using FsCheck;
using FsCheck.Fluent;

using Hyperspan.Streaming;

namespace Hyperspan.Tests.Streaming;

/// <summary>Every reader against a <see cref="MemoryStream"/> over the same bytes.</summary>
public class ReaderModelTests
{
    private static readonly byte[] Bytes = MemoryAssert.Pattern(StreamingPlaces.Length);

    [Fact]
    public void A_span_is_read_as_a_stream_is() => Check((steps, limit) =>
    {
        var reader = new SpanMemoryReader(Bytes);
        Follow(ref reader, steps, limit);
    });

    [Fact]
    public void A_range_is_read_as_a_stream_is() => CheckIn("range", (places, steps, limit) =>
    {
        var reader = new RangeReader(places.Memory, StreamingPlaces.Range);
        Follow(ref reader, steps, limit);
    });

    [Fact]
    public void A_paged_range_is_read_as_a_stream_is() => CheckIn("paged", (places, steps, limit) =>
    {
        var reader = new PagedReader(places.Memory, StreamingPlaces.Paged);
        Follow(ref reader, steps, limit);
    });

    [Fact]
    public void A_list_of_paged_ranges_is_read_as_a_stream_is() => CheckIn("list", (places, steps, limit) =>
    {
        var reader = new PagedReader(places.Memory, StreamingPlaces.Parts);
        Follow(ref reader, steps, limit);
    });

    /// <summary>The steps on the reader, then under a limit on a copy of it, then the rest from where the copy stopped.</summary>
    private static void Follow<TReader>(ref TReader reader, Step[] steps, int limit)
        where TReader : struct, IMemoryReader, allows ref struct
    {
        var model = new MemoryStream(Bytes);
        foreach (Step step in steps)
        {
            Follow(ref reader, model, step, model.Length);
        }

        ulong before = reader.Remaining;
        long position = model.Position;
        LimitedReader<TReader> limited = reader.Limit((ulong)limit);
        long end = Math.Min(model.Length, position + limit);
        limited.Remaining.ShouldBe((ulong)(end - position));
        foreach (Step step in steps)
        {
            Follow(ref limited, model, step, end);
        }

        reader.Remaining.ShouldBe(before);
        reader = limited.Inner;
        reader.Remaining.ShouldBe((ulong)(model.Length - model.Position));
        TReader copy = reader;
        ReadOnlySequence<byte> sequence = copy.ReadSequence(777);
        copy.Remaining.ShouldBe(0UL);
        byte[] rest = reader.ReadAll();
        rest.AsSpan().SequenceEqual(Bytes.AsSpan((int)model.Position)).ShouldBeTrue();
        sequence.ToArray().AsSpan().SequenceEqual(rest).ShouldBeTrue();
        reader.Remaining.ShouldBe(0UL);
        reader.ReadAll().ShouldBeEmpty();
    }

    private static void Follow<TReader>(ref TReader reader, MemoryStream model, Step step, long end)
        where TReader : struct, IMemoryReader, allows ref struct
    {
        int left = (int)(end - model.Position);
        reader.Remaining.ShouldBe((ulong)left);
        (bool done, int size, StreamingFault fault) = step.Kind switch
        {
            0 => Read(ref reader, model, step.Length, left),
            1 => (reader.TrySkip((ulong)step.Length, out StreamingFault f), step.Length, f),
            2 => Scalar<TReader, byte>(ref reader, model, left),
            3 => Scalar<TReader, ushort>(ref reader, model, left),
            4 => Scalar<TReader, int>(ref reader, model, left),
            5 => Scalar<TReader, double>(ref reader, model, left),
            6 => Scalar<TReader, Triple>(ref reader, model, left),
            _ => Array(ref reader, model, step.Length, left),
        };
        done.ShouldBe(size <= left);
        if (done)
        {
            model.Position += size;
            fault.IsFault.ShouldBeFalse();
        }
        else
        {
            fault.Kind.ShouldBe(StreamingFaultKind.OutOfRange);
            (fault.Requested, fault.Remaining).ShouldBe(((ulong)size, (ulong)left));
        }

        reader.Remaining.ShouldBe((ulong)(end - model.Position));
    }

    private static (bool Done, int Size, StreamingFault Fault) Read<TReader>(ref TReader reader, MemoryStream model, int length, int left)
        where TReader : struct, IMemoryReader, allows ref struct
    {
        var bytes = new byte[length];
        bool done = reader.TryRead(bytes, out StreamingFault fault);
        if (done && length <= left)
        {
            bytes.AsSpan().SequenceEqual(Bytes.AsSpan((int)model.Position, length)).ShouldBeTrue();
        }

        return (done, length, fault);
    }

    private static (bool Done, int Size, StreamingFault Fault) Scalar<TReader, T>(ref TReader reader, MemoryStream model, int left)
        where TReader : struct, IMemoryReader, allows ref struct
        where T : unmanaged
    {
        int size = Marshal.SizeOf<T>();
        bool done = reader.TryRead(out T value, out StreamingFault fault);
        if (done && size <= left)
        {
            value.ShouldBe(MemoryMarshal.Read<T>(Bytes.AsSpan((int)model.Position)));
        }

        return (done, size, fault);
    }

    private static (bool Done, int Size, StreamingFault Fault) Array<TReader>(ref TReader reader, MemoryStream model, int count, int left)
        where TReader : struct, IMemoryReader, allows ref struct
    {
        int size = count * sizeof(ushort);
        bool done = reader.TryReadArray(count, out ushort[]? values, out StreamingFault fault);
        if (done && size <= left)
        {
            values.AsSpan().SequenceEqual(MemoryMarshal.Cast<byte, ushort>(Bytes.AsSpan((int)model.Position, size))).ShouldBeTrue();
        }

        return (done, size, fault);
    }

    private static void CheckIn(string place, Action<StreamingPlaces, Step[], int> test)
    {
        using var places = new StreamingPlaces();
        places.Fill(place, Bytes);
        Check((steps, limit) => test(places, steps, limit));
    }

    private static void Check(Action<Step[], int> test)
    {
        Gen<Step> step =
            from kind in Gen.Choose(0, 7)
            from length in Gen.OneOf(Gen.Choose(0, 20), Gen.Choose(0, 3000), Gen.Elements(4095, 4096, 4097, 20000))
            select new Step(kind, length);
        Gen<(Step[], int)> cases =
            from count in Gen.Choose(0, 12)
            from steps in step.ArrayOf(count)
            from limit in Gen.Choose(0, 6000)
            select (steps, limit);
        Prop.ForAll(cases.ToArbitrary(), value => test(value.Item1, value.Item2)).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    private readonly record struct Step(int Kind, int Length);

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct Triple
    {
        public ulong First;
        public ushort Second;
        public byte Third;
    }
}
