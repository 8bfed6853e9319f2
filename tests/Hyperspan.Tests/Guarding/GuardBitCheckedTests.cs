using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Tests.Guarding;

public unsafe class GuardBitCheckedTests
{
    private const ulong Pattern = 0xF1E2D3C4B5A69788;

    private static readonly ulong[] BitIndices = [0, 1, 7, 8, 13, 31, 32, 63, 64, 1000, 100_000];

    public static TheoryData<int, bool> Sizes() => new()
    {
        { 1, false }, { 2, false }, { 4, false }, { 8, false }, { 1, true }, { 2, true }, { 4, true }, { 8, true },
    };

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void Loads_count_only_under_a_set_bit(int size, bool mayBlock)
    {
        Skip.IfNot(Guard.IsSupported, Guard.Description);
        var value = Pattern;
        byte* p = (byte*)&value;
        var expected = size == 8 ? Pattern : Pattern & ((1UL << (size * 8)) - 1);
        ForEveryBit((bitmap, bit) =>
        {
            // SAFETY: the pointers come from the caller's locals and its pinned array.
            Load((byte*)p, (byte*)bitmap, bit, size, mayBlock).ShouldSatisfy(expected, 0);
            SubstituteGuard.BitCheckedLoad(p, (byte*)bitmap, bit, size).ShouldSatisfy(expected, 0);
        }, (bitmap, bit) =>
        {
            Load(p, (byte*)bitmap, bit, size, mayBlock).ShouldSatisfy(0, Guard.StatusBitClear);
            SubstituteGuard.BitCheckedLoad(p, (byte*)bitmap, bit, size).ShouldSatisfy(0, Guard.StatusBitClear);
        });
    }

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void Writes_take_effect_only_under_a_set_bit(int size, bool mayBlock)
    {
        Skip.IfNot(Guard.SupportsRestartableStores, Guard.Description);
        var mask = size == 8 ? ulong.MaxValue : (1UL << (size * 8)) - 1;
        ulong value = 0;
        byte* p = (byte*)&value;
        ForEveryBit((bitmap, bit) =>
        {
            *(ulong*)p = ~Pattern;
            Store(p, Pattern, (byte*)bitmap, bit, size, mayBlock).ShouldSatisfy(0, 0);
            (*(ulong*)p).ShouldBe((~Pattern & ~mask) | (Pattern & mask));
            CompareExchange(p, ~Pattern, 5, (byte*)bitmap, bit, size, mayBlock).ShouldSatisfy(Pattern & mask, 0);
            (*(ulong*)p).ShouldBe((~Pattern & ~mask) | (Pattern & mask));
            CompareExchange(p, Pattern, 5, (byte*)bitmap, bit, size, mayBlock).ShouldSatisfy(Pattern & mask, 0);
            (*(ulong*)p).ShouldBe((~Pattern & ~mask) | 5);
        }, (bitmap, bit) =>
        {
            *(ulong*)p = ~Pattern;
            Store(p, Pattern, (byte*)bitmap, bit, size, mayBlock).ShouldSatisfy(0, Guard.StatusBitClear);
            CompareExchange(p, ~Pattern & mask, 5, (byte*)bitmap, bit, size, mayBlock).ShouldSatisfy(0, Guard.StatusBitClear);
            (*(ulong*)p).ShouldBe(~Pattern);
        });
    }

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void Faults_under_a_set_bit_are_recovered_and_a_clear_bit_has_none(int size, bool mayBlock)
    {
        Skip.IfNot(Guard.UsesMachineCode, Guard.Description);
        byte set = 0xFF, clear = 0;
        foreach (HoledPages.Hole hole in Enum.GetValues<HoledPages.Hole>())
        {
            using var pages = new HoledPages(hole);
            var signal = (ulong)pages.Signal;
            for (var i = 0; i < 200; i++)
            {
                byte* p = pages.Bad + (i * 8);
                if (hole != HoledPages.Hole.ReadOnly)
                {
                    Load(p, &set, 3, size, mayBlock).ShouldSatisfy((ulong)p, signal);
                }

                Load(p, &clear, 3, size, mayBlock).ShouldSatisfy(0, Guard.StatusBitClear);
                if (Guard.SupportsRestartableStores)
                {
                    Store(p, 1, &set, 3, size, mayBlock).ShouldSatisfy((ulong)p, signal);
                    CompareExchange(p, 0, 1, &set, 3, size, mayBlock).ShouldSatisfy((ulong)p, signal);
                    Store(p, 1, &clear, 3, size, mayBlock).ShouldSatisfy(0, Guard.StatusBitClear);
                    CompareExchange(p, 0, 1, &clear, 3, size, mayBlock).ShouldSatisfy(0, Guard.StatusBitClear);
                }
            }
        }
    }

    [SkippableFact]
    public void Flush_works_from_any_thread()
    {
        Skip.IfNot(Guard.SupportsRestartableStores, Guard.Description);
        Guard.FlushRestartableSequences();
        var thread = new Thread(Guard.FlushRestartableSequences);
        thread.Start();
        thread.Join();
    }

    [SkippableFact]
    public void Restartable_stores_are_there_where_glibc_and_the_kernel_have_them()
    {
        Skip.IfNot(Guard.UsesMachineCode, Guard.Description);
        var expected = System.Runtime.InteropServices.NativeLibrary.TryLoad("libc.so.6", out var libc)
            && System.Runtime.InteropServices.NativeLibrary.TryGetExport(libc, "__rseq_size", out var size)
            && *(uint*)size >= 16
            && LibC.Membarrier(LinuxConstants.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ) == 0;
        Guard.SupportsRestartableStores.ShouldBe(expected, Guard.Description);
    }

    /// <summary>
    /// Calls one function with a bitmap in which one bit alone is set, the other with one in which that bit alone is clear.
    /// </summary>
    private static void ForEveryBit(Action<nint, ulong> whenSet, Action<nint, ulong> whenClear)
    {
        var bitmap = GC.AllocateArray<byte>(20_000, pinned: true);
        fixed (byte* start = bitmap)
        {
            foreach (var bit in BitIndices)
            {
                Array.Clear(bitmap);
                bitmap[bit / 8] = (byte)(1 << (int)(bit % 8));
                whenSet((nint)start, bit);
                bitmap.AsSpan().Fill(0xFF);
                bitmap[bit / 8] ^= (byte)(1 << (int)(bit % 8));
                whenClear((nint)start, bit);
            }
        }
    }

    private static GuardedResult Load(byte* p, byte* bitmap, ulong bit, int size, bool mayBlock) => size switch
    {
        1 => Guard.BitCheckedLoad1(p, bitmap, bit, mayBlock),
        2 => Guard.BitCheckedLoad2(p, bitmap, bit, mayBlock),
        4 => Guard.BitCheckedLoad4(p, bitmap, bit, mayBlock),
        _ => Guard.BitCheckedLoad8(p, bitmap, bit, mayBlock),
    };

    private static GuardedResult Store(byte* p, ulong value, byte* bitmap, ulong bit, int size, bool mayBlock) => size switch
    {
        1 => Guard.BitCheckedStore1(p, value, bitmap, bit, mayBlock),
        2 => Guard.BitCheckedStore2(p, value, bitmap, bit, mayBlock),
        4 => Guard.BitCheckedStore4(p, value, bitmap, bit, mayBlock),
        _ => Guard.BitCheckedStore8(p, value, bitmap, bit, mayBlock),
    };

    private static GuardedResult CompareExchange(
        byte* p, ulong comparand, ulong value, byte* bitmap, ulong bit, int size, bool mayBlock) => size switch
        {
            1 => Guard.BitCheckedCompareExchange1(p, comparand, value, bitmap, bit, mayBlock),
            2 => Guard.BitCheckedCompareExchange2(p, comparand, value, bitmap, bit, mayBlock),
            4 => Guard.BitCheckedCompareExchange4(p, comparand, value, bitmap, bit, mayBlock),
            _ => Guard.BitCheckedCompareExchange8(p, comparand, value, bitmap, bit, mayBlock),
        };
}
