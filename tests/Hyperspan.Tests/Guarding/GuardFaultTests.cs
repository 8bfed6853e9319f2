using Hyperspan.Guarding;

namespace Hyperspan.Tests.Guarding;

/// <summary>Every length up to 300 at every position around the edge of a hole, recovered in this process.</summary>
[Trait("Category", "slow")]
public unsafe class GuardFaultTests
{
    private const int MaxLength = 300;

    public static TheoryData<GuardKind, bool, bool> Cases()
    {
        var data = new TheoryData<GuardKind, bool, bool>();
        foreach (GuardKind kind in GuardUnderTest.Kinds)
        {
            data.Add(kind, false, true);
            data.Add(kind, false, false);
            if (kind != GuardKind.Substitute)
            {
                data.Add(kind, true, true);
                data.Add(kind, true, false);
            }
        }

        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Copies_and_fills_that_run_into_a_hole_fail(GuardKind kind, bool mayBlock, bool truncated)
    {
        var guard = new GuardUnderTest(kind, mayBlock);
        using var pages = new HoledPages(truncated ? HoledPages.Hole.TruncatedFile : HoledPages.Hole.Protected);
        var other = new byte[MaxLength];
        fixed (byte* local = other)
        {
            for (var length = 1; length <= MaxLength; length += guard.IsSubstitute ? 13 : 1)
            {
                var positions = guard.IsSubstitute || mayBlock ? 17 : 1;
                for (var before = 0; before <= length; before += positions)
                {
                    Check(guard, pages, pages.Bad - before, local, length, fails: before < length);
                }

                for (var inside = 0; inside <= 8; inside += positions)
                {
                    Check(guard, pages, pages.BadEnd - inside, local, length, fails: inside > 0);
                }
            }
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Long_copies_and_fills_that_run_into_a_hole_fail(GuardKind kind, bool mayBlock, bool truncated)
    {
        var guard = new GuardUnderTest(kind, mayBlock);
        using var pages = new HoledPages(truncated ? HoledPages.Hole.TruncatedFile : HoledPages.Hole.Protected);
        var other = new byte[12000];
        fixed (byte* local = other)
        {
            foreach (var length in (int[])[1000, 4095, 4096, 4097, 8192, 12000])
            {
                foreach (var before in (int[])[0, 1, 63, 64, 500, 999, 1000, 4095, 4096, 8191, 8192, 11999, 12000])
                {
                    if (before <= length)
                    {
                        Check(guard, pages, pages.Bad - before, local, length, fails: before < length);
                    }
                }
            }

            // Overlapping, in both directions.
            guard.Copy(pages.Bad - 5000, pages.Bad - 4000, 4001).Ok.ShouldBeFalse();
            guard.Copy(pages.Bad - 4000, pages.Bad - 5000, 4001).Ok.ShouldBeFalse();
            guard.Copy(pages.Bad - 4000, pages.Bad - 5000, 4000).Ok.ShouldBeTrue();
            guard.Copy(pages.BadEnd - 1, pages.BadEnd + 200, 4000).Ok.ShouldBeFalse();
            guard.Copy(pages.BadEnd + 200, pages.BadEnd - 1, 4000).Ok.ShouldBeFalse();
        }
    }

    [SkippableFact]
    public void Lowest_fault_is_exact_on_either_side_of_a_hole()
    {
        Skip.IfNot(Guard.IsSupported, Guard.Description);
        foreach (HoledPages.Hole hole in Enum.GetValues<HoledPages.Hole>())
        {
            using var pages = new HoledPages(hole);
            var signal = Guard.UsesMachineCode ? pages.Signal : 11;
            foreach (var write in (bool[])[false, true])
            {
                var fails = write || hole != HoledPages.Hole.ReadOnly;
                for (var offset = -9000; offset < HoledPages.PageSize; offset += 501)
                {
                    GuardedFault fault = Guard.FindLowestFault(pages.Bad + offset, 13000, write, mayBlock: false);
                    fault.IsNone.ShouldBe(!fails);
                    fault.Signal.ShouldBe(fails ? signal : 0);
                    ((nuint)fault.Address).ShouldBe(fails ? (nuint)(pages.Bad + Math.Max(offset, 0)) : 0);
                }

                Guard.FindLowestFault(pages.Bad - 9000, 9000, write, mayBlock: true).IsNone.ShouldBeTrue();
                Guard.FindLowestFault(pages.Bad - 9000, 9001, write, mayBlock: true).IsNone.ShouldBe(!fails);
                Guard.FindLowestFault(pages.BadEnd, 5000, write, mayBlock: false).IsNone.ShouldBeTrue();
            }
        }
    }

    private static void Check(GuardUnderTest guard, HoledPages pages, byte* p, byte* local, int length, bool fails)
    {
        var status = fails ? guard.StatusOf(pages.Signal) : 0;
        Expect(guard.Copy(local, p, (nuint)length), "read");
        Expect(guard.Copy(p, local, (nuint)length), "write");
        Expect(guard.Fill(p, 0xCD, (nuint)length), "fill");
        if (!fails)
        {
            new Span<byte>(p, length).IndexOfAnyExcept((byte)0xCD).ShouldBe(-1);
        }

        void Expect(GuardedResult result, string operation)
        {
            if (result.Status != status)
            {
                Assert.Fail($"{operation} of {length} bytes at {p - pages.Bad}: status {result.Status} instead of {status}");
            }

            if (fails && !guard.IsSubstitute && (result.Value < (ulong)pages.Bad || result.Value >= (ulong)pages.BadEnd))
            {
                Assert.Fail($"{operation} of {length} bytes at {p - pages.Bad}: address outside the hole");
            }
        }
    }
}
