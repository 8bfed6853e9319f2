using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.Stubs;

namespace Hyperspan.Tests.Guarding;

public unsafe class GuardBitCheckedTests
{
    private const ulong Pattern = 0xF1E2D3C4B5A69788;

    private static readonly ulong[] BitIndices = [0, 1, 7, 8, 13, 31, 32, 63, 64, 1000, 100_000];

    public static TheoryData<int> Sizes() => [1, 2, 4, 8];

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void Loads_count_only_under_a_set_bit(int size)
    {
        Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);
        var value = Pattern;
        byte* p = (byte*)&value;
        var expected = size == 8 ? Pattern : Pattern & ((1UL << (size * 8)) - 1);
        ForEveryBit((bitmap, bit) =>
        {
            // SAFETY: the pointers come from the caller's locals and its pinned array.
            Load((byte*)p, (byte*)bitmap, bit, size).ShouldSatisfy(expected, 0);
        }, (bitmap, bit) =>
        {
            Load(p, (byte*)bitmap, bit, size).ShouldSatisfy(0, StubProgram.StatusBitClear);
        });
    }

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void Writes_take_effect_only_under_a_set_bit(int size)
    {
        Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);
        var mask = size == 8 ? ulong.MaxValue : (1UL << (size * 8)) - 1;
        ulong value = 0;
        byte* p = (byte*)&value;
        ForEveryBit((bitmap, bit) =>
        {
            *(ulong*)p = ~Pattern;
            Store(p, Pattern, (byte*)bitmap, bit, size).ShouldSatisfy(0, 0);
            (*(ulong*)p).ShouldBe((~Pattern & ~mask) | (Pattern & mask));
            CompareExchange(p, 5, ~Pattern, (byte*)bitmap, bit, size).ShouldSatisfy(Pattern & mask, 0);
            (*(ulong*)p).ShouldBe((~Pattern & ~mask) | (Pattern & mask));
            CompareExchange(p, 5, Pattern, (byte*)bitmap, bit, size).ShouldSatisfy(Pattern & mask, 0);
            (*(ulong*)p).ShouldBe((~Pattern & ~mask) | 5);
        }, (bitmap, bit) =>
        {
            *(ulong*)p = ~Pattern;
            Store(p, Pattern, (byte*)bitmap, bit, size).ShouldSatisfy(0, StubProgram.StatusBitClear);
            CompareExchange(p, 5, ~Pattern & mask, (byte*)bitmap, bit, size).ShouldSatisfy(0, StubProgram.StatusBitClear);
            (*(ulong*)p).ShouldBe(~Pattern);
        });
    }

    [SkippableTheory]
    [MemberData(nameof(Sizes))]
    public void Faults_under_a_set_bit_are_recovered_and_a_clear_bit_has_none(int size)
    {
        Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);
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
                    Load(p, &set, 3, size).ShouldSatisfy((ulong)p, signal);
                }

                Load(p, &clear, 3, size).ShouldSatisfy(0, StubProgram.StatusBitClear);
                Store(p, 1, &set, 3, size).ShouldSatisfy((ulong)p, signal);
                CompareExchange(p, 1, 0, &set, 3, size).ShouldSatisfy((ulong)p, signal);
                Store(p, 1, &clear, 3, size).ShouldSatisfy(0, StubProgram.StatusBitClear);
                CompareExchange(p, 1, 0, &clear, 3, size).ShouldSatisfy(0, StubProgram.StatusBitClear);
            }
        }
    }

    [SkippableFact]
    public void Flush_works_from_any_thread()
    {
        Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);
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
        Guard.SupportsRestartableSequences.ShouldBe(expected, Guard.Description);
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

    private static GuardedResult Load(byte* p, byte* bitmap, ulong bit, int size) => size switch
    {
        1 => Guard.BitCheckedLoad<byte>(p, bitmap, bit, GuardEntry.Code),
        2 => Guard.BitCheckedLoad<ushort>(p, bitmap, bit, GuardEntry.Code),
        4 => Guard.BitCheckedLoad<uint>(p, bitmap, bit, GuardEntry.Code),
        _ => Guard.BitCheckedLoad<ulong>(p, bitmap, bit, GuardEntry.Code),
    };

    private static GuardedResult Store(byte* p, ulong value, byte* bitmap, ulong bit, int size) => size switch
    {
        1 => Guard.BitCheckedStore(p, (byte)value, bitmap, bit, GuardEntry.Code),
        2 => Guard.BitCheckedStore(p, (ushort)value, bitmap, bit, GuardEntry.Code),
        4 => Guard.BitCheckedStore(p, (uint)value, bitmap, bit, GuardEntry.Code),
        _ => Guard.BitCheckedStore(p, value, bitmap, bit, GuardEntry.Code),
    };

    private static GuardedResult CompareExchange(
        byte* p, ulong value, ulong comparand, byte* bitmap, ulong bit, int size) => size switch
        {
            1 => Guard.BitCheckedCompareExchange(p, (byte)value, (byte)comparand, bitmap, bit, GuardEntry.Code),
            2 => Guard.BitCheckedCompareExchange(p, (ushort)value, (ushort)comparand, bitmap, bit, GuardEntry.Code),
            4 => Guard.BitCheckedCompareExchange(p, (uint)value, (uint)comparand, bitmap, bit, GuardEntry.Code),
            _ => Guard.BitCheckedCompareExchange(p, value, comparand, bitmap, bit, GuardEntry.Code),
        };
}
