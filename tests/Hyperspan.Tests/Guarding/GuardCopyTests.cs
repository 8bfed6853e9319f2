using Hyperspan.Guarding;

namespace Hyperspan.Tests.Guarding;

public unsafe class GuardCopyTests
{
    private const int Size = 64 * 1024;

    private static readonly int[] LongLengths = [511, 512, 513, 1000, 2047, 2048, 2049, 4095, 4096, 4097, 5000, 8191, 12345, 20000];

    public static TheoryData<GuardKind, bool> Kinds()
    {
        var data = new TheoryData<GuardKind, bool>();
        foreach (GuardKind kind in GuardUnderTest.Kinds)
        {
            data.Add(kind, false);
            if (kind != GuardKind.Substitute)
            {
                data.Add(kind, true);
            }
        }

        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Copies_overlap_like_memmove(GuardKind kind, bool mayBlock)
    {
        var guard = new GuardUnderTest(kind, mayBlock);
        var buffer = GC.AllocateUninitializedArray<byte>(Size, pinned: true);
        var expected = new byte[Size];
        var random = new byte[Size + 256];
        new Random(2).NextBytes(random);
        int[] distances = [0, 1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 400, 4000, 21000];
        foreach (var length in Lengths(guard))
        {
            foreach (var distance in distances)
            {
                // Not every alignment with every length: that is what the next test is for.
                var start = 22000 + ((length * 7) % 64);
                foreach (var to in (int[])[start + distance, start - distance])
                {
                    // What is copied, and a good deal on either side of it.
                    var from = Math.Min(start, to) - 512;
                    Span<byte> window = buffer.AsSpan(from, distance + length + 1024);
                    random.AsSpan(length % 256, window.Length).CopyTo(window);
                    window.CopyTo(expected.AsSpan(from));
                    expected.AsSpan(start, length).CopyTo(expected.AsSpan(to));
                    fixed (byte* p = buffer)
                    {
                        guard.Copy(p + to, p + start, (nuint)length).Ok.ShouldBeTrue();
                    }

                    if (!window.SequenceEqual(expected.AsSpan(from, window.Length)))
                    {
                        Assert.Fail($"length {length}, distance {to - start}");
                    }
                }
            }
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Copies_of_any_alignment_write_what_they_should_and_nothing_else(GuardKind kind, bool mayBlock)
    {
        var guard = new GuardUnderTest(kind, mayBlock);
        var source = GC.AllocateUninitializedArray<byte>(Size, pinned: true);
        new Random(1).NextBytes(source);
        var destination = GC.AllocateUninitializedArray<byte>(Size, pinned: true);
        int[] shifts = guard.IsSubstitute ? [0, 3] : [.. Enumerable.Range(0, 33)];
        foreach (var length in Lengths(guard))
        {
            foreach (var shift in shifts)
            {
                Span<byte> window = destination.AsSpan(0, length + 200);
                window.Fill(0xEE);
                fixed (byte* from = source, to = destination)
                {
                    guard.Copy(to + 100 + shift, from + ((shift * 5) % 32), (nuint)length).Ok.ShouldBeTrue();
                }

                var right = window.Slice(100 + shift, length).SequenceEqual(source.AsSpan((shift * 5) % 32, length))
                    && window[..(100 + shift)].IndexOfAnyExcept((byte)0xEE) < 0
                    && window[(100 + shift + length)..].IndexOfAnyExcept((byte)0xEE) < 0;
                right.ShouldBeTrue($"length {length}, shift {shift}");
            }
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Fills_write_what_they_should_and_nothing_else(GuardKind kind, bool mayBlock)
    {
        var guard = new GuardUnderTest(kind, mayBlock);
        var destination = GC.AllocateUninitializedArray<byte>(Size, pinned: true);
        foreach (var length in Lengths(guard))
        {
            for (var shift = 0; shift < (guard.IsSubstitute ? 2 : 17); shift++)
            {
                Span<byte> window = destination.AsSpan(0, length + 200);
                window.Fill(0xEE);
                fixed (byte* to = destination)
                {
                    guard.Fill(to + 100 + shift, 0x5A, (nuint)length).Ok.ShouldBeTrue();
                }

                var right = window.Slice(100 + shift, length).IndexOfAnyExcept((byte)0x5A) < 0
                    && window[..(100 + shift)].IndexOfAnyExcept((byte)0xEE) < 0
                    && window[(100 + shift + length)..].IndexOfAnyExcept((byte)0xEE) < 0;
                right.ShouldBeTrue($"length {length}, shift {shift}");
            }
        }
    }

    [SkippableFact]
    public void Nothing_is_touched_where_the_length_is_zero()
    {
        foreach (GuardKind kind in GuardUnderTest.Kinds.Intersect([GuardKind.Baseline, GuardKind.Substitute]))
        {
            var guard = new GuardUnderTest(kind);
            guard.Copy((byte*)8, (byte*)16, 0).Ok.ShouldBeTrue();
            guard.Fill((byte*)8, 1, 0).Ok.ShouldBeTrue();
            Guard.FindLowestFault((byte*)8, 0, write: true, mayBlock: false).IsNone.ShouldBeTrue();
        }
    }

    private static IEnumerable<int> Lengths(GuardUnderTest guard) => guard.IsSubstitute
        ? [0, 1, 7, 64, 300, .. LongLengths]
        : [.. Enumerable.Range(0, 301), .. LongLengths];
}
