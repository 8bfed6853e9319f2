using System.Runtime.Intrinsics.Arm;
using Hyperspan.Guarding;

namespace Hyperspan.Tests.Guarding;

public unsafe class GuardScalarTests
{
    private const ulong Pattern = 0xF1E2D3C4B5A69788;

    public static TheoryData<GuardKind, bool, int> Sizes()
    {
        var data = new TheoryData<GuardKind, bool, int>();
        foreach (var size in (int[])[1, 2, 4, 8])
        {
            data.Add(GuardKind.Baseline, false, size);
            data.Add(GuardKind.Baseline, true, size);
            if (GuardUnderTest.Kinds.Contains(GuardKind.Substitute))
            {
                data.Add(GuardKind.Substitute, false, size);
            }
        }

        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void Scalars_touch_their_bytes_and_no_others(GuardKind kind, bool mayBlock, int size)
    {
        var guard = new GuardUnderTest(kind, mayBlock);
        var mask = size == 8 ? ulong.MaxValue : (1UL << (size * 8)) - 1;
        byte* memory = stackalloc byte[24];
        var bytes = new Span<byte>(memory, 24);
        byte* p = memory + 8;

        bytes.Fill(0xAA);
        guard.Store(p, Pattern, size).ShouldSatisfy(0, 0);
        var expected = new byte[24];
        expected.AsSpan().Fill(0xAA);
        BitConverter.GetBytes(Pattern).AsSpan(0, size).CopyTo(expected.AsSpan(8));
        bytes.ToArray().ShouldBe(expected);
        guard.Load(p, size).ShouldSatisfy(Pattern & mask, 0);

        // Above the size, the comparand does not count.
        guard.CompareExchange(p, ~Pattern, 1, size).ShouldSatisfy(Pattern & mask, 0);
        bytes.ToArray().ShouldBe(expected);
        guard.CompareExchange(p, (Pattern & mask) | ~mask, 0x0102030405060708, size).ShouldSatisfy(Pattern & mask, 0);
        BitConverter.GetBytes(0x0102030405060708UL).AsSpan(0, size).CopyTo(expected.AsSpan(8));
        bytes.ToArray().ShouldBe(expected);

        for (var i = 0; i < 8; i++)
        {
            guard.ProbeWrite(p + i).ShouldSatisfy(0, 0);
        }

        bytes.ToArray().ShouldBe(expected);
    }

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void Scalars_that_reach_into_a_hole_fail_with_address_and_signal(GuardKind kind, bool mayBlock, int size)
    {
        var guard = new GuardUnderTest(kind, mayBlock);
        foreach (HoledPages.Hole hole in Enum.GetValues<HoledPages.Hole>())
        {
            using var pages = new HoledPages(hole);
            var status = guard.StatusOf(pages.Signal);
            for (var offset = -size; offset <= HoledPages.PageSize; offset += offset > 16 && offset < HoledPages.PageSize - 32 ? 1000 : 1)
            {
                byte* p = pages.Bad + offset;
                var inside = offset > -size && offset < HoledPages.PageSize;
                var loadFails = inside && hole != HoledPages.Hole.ReadOnly;
                Expect(guard.Load(p, size), p, size, loadFails ? status : 0, pages);
                Expect(guard.Store(p, 0, size), p, size, inside ? status : 0, pages);
                if ((nuint)p % (nuint)size == 0)
                {
                    Expect(guard.CompareExchange(p, 1, 2, size), p, size, inside ? status : 0, pages);
                }

                if (offset >= 0)
                {
                    Expect(guard.ProbeWrite(p), p, 1, inside ? status : 0, pages);
                }
            }
        }
    }

    [SkippableFact]
    public void Address_that_is_no_address_is_a_fault()
    {
        // The processor refuses these without saying which address it was.
        foreach (var address in (ulong[])[0x8000_0000_0000, 0xDEAD_0000_0000_0000, ulong.MaxValue, ulong.MaxValue - 7, 0, 0xFFFF_8000_0000_0000])
        {
            foreach (GuardKind kind in GuardUnderTest.Kinds.Intersect([GuardKind.Baseline, GuardKind.Substitute]))
            {
                var guard = new GuardUnderTest(kind);
                guard.Load((byte*)address, 8).Status.ShouldBe(11ul);
                guard.Store((byte*)address, 0, 1).Status.ShouldBe(11ul);
                guard.ProbeWrite((byte*)address).Status.ShouldBe(11ul);
            }
        }
    }

    [LinuxFact]
    public void Compare_exchange_of_the_substitute_is_atomic_against_itself()
    {
        var guard = new GuardUnderTest(GuardKind.Substitute);
        ulong counter = 0;
        byte* p = (byte*)&counter;
        var threads = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < 500; i++)
            {
                ulong seen;
                do
                {
                    seen = guard.Load(p, 8).Value;
                }
                while (guard.CompareExchange(p, seen, seen + 1, 8).Value != seen);
            }
        })).ToArray();
        Array.ForEach(threads, x => x.Start());
        Array.ForEach(threads, x => x.Join());
        counter.ShouldBe(2000ul);
    }

    private static void Expect(GuardedResult result, byte* p, int size, ulong status, HoledPages pages)
    {
        result.Status.ShouldBe(status, $"offset {p - pages.Bad}");
        if (status != 0)
        {
            // The kernel names a byte of the access that lies in the hole. QEMU, where it emulates an arm64 whose misaligned accesses are atomic inside 16 bytes,
            // names the first of those.
            ulong lowest = (ulong)p & (ArmBase.Arm64.IsSupported ? ~15UL : ulong.MaxValue);
            result.Value.ShouldBeInRange(lowest, (ulong)(p + size - 1), $"offset {p - pages.Bad}");
        }
    }
}
