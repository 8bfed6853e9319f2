using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Hyperspan.Guarding;
using Hyperspan.Stubs;
using Hyperspan.Translation;

namespace Hyperspan.Tests.Guarding;

/// <summary>The stubs that copy 4 to 64 bytes to or from one page, under its bit or by its translation.</summary>
public unsafe class GuardCheckedBytesTests
{
    private const int Longest = 64;
    private const ulong Page = 213;

    /// <summary>Which stub is meant: those of both families, and of writes those without wide registers as well.</summary>
    public enum Family
    {
        Bits,
        Translations,
        BitsInNarrowStores,
        TranslationsInNarrowStores,
    }

    public static TheoryData<Family> Families() => [.. Enum.GetValues<Family>()];

    [Fact]
    public void Lengths_are_4_to_64()
    {
        Enumerable.Range(0, 200).Where(length => Guard.IsBitCheckedLength((nuint)length)).ShouldBe(Enumerable.Range(4, Longest - 3));
    }

    [SkippableTheory]
    [MemberData(nameof(Families))]
    public void Every_length_is_read_and_written_exactly_and_under_a_clear_bit_not_at_all(Family family)
    {
        using var check = new Check(family);
        byte[] local = new byte[Longest + 32];
        for (int length = 4; length <= Longest; length++)
        {
            foreach (int offset in (int[])[0, 1, 7, 4096 - length])
            {
                byte[] before = Pattern(4096, seed: length);
                byte[] written = Pattern(length, seed: 1000 + length);
                before.CopyTo(check.Memory);
                local.AsSpan().Fill(0xee);
                check.Allow(false);
                check.Read(ref local[16], offset, length).ShouldBe((0UL, (ulong)StubProgram.StatusBitClear));
                check.Write(offset, ref written[0], length).ShouldBe((0UL, (ulong)StubProgram.StatusBitClear));
                local.ShouldAllBe(value => value == 0xee);
                check.Memory.ToArray().ShouldBe(before);

                check.Allow(true);
                check.Read(ref local[16], offset, length).ShouldBe((0UL, 0UL));
                local.AsSpan(16, length).ToArray().ShouldBe(before[offset..(offset + length)]);
                local.AsSpan(0, 16).IndexOfAnyExcept((byte)0xee).ShouldBe(-1);
                local.AsSpan(16 + length).IndexOfAnyExcept((byte)0xee).ShouldBe(-1);
                check.Write(offset, ref written[0], length).ShouldBe((0UL, 0UL));
                written.CopyTo(before, offset);
                check.Memory.ToArray().ShouldBe(before);
            }
        }
    }

    /// <summary>What is written may be guest memory itself, and so may be where is read to.</summary>
    [SkippableTheory]
    [MemberData(nameof(Families))]
    public void Ranges_may_overlap(Family family)
    {
        using var check = new Check(family);
        check.Allow(true);
        for (int length = 4; length <= Longest; length++)
        {
            for (int distance = -length; distance <= length; distance++)
            {
                byte[] expected = Pattern(4096, seed: length);
                expected.CopyTo(check.Memory);
                expected.AsSpan(1000 + distance, length).CopyTo(expected.AsSpan(1000));
                check.Write(1000, ref check.Memory[1000 + distance], length).ShouldBe((0UL, 0UL));
                check.Memory.SequenceEqual(expected).ShouldBeTrue($"length {length}, distance {distance}");
                expected.AsSpan(1000, length).CopyTo(expected.AsSpan(1000 + distance));
                check.Read(ref check.Memory[1000 + distance], 1000, length).ShouldBe((0UL, 0UL));
                check.Memory.SequenceEqual(expected).ShouldBeTrue($"length {length}, distance {distance}");
            }
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Families))]
    public void Faults_are_recovered(Family family)
    {
        foreach (HoledPages.Hole hole in Enum.GetValues<HoledPages.Hole>())
        {
            using var pages = new HoledPages(hole);
            using var check = new Check(family, pages.Bad);
            ulong signal = (ulong)pages.Signal;
            byte[] local = new byte[Longest];
            for (int i = 0; i < 200; i++)
            {
                int length = 4 + (i % 61);
                check.Allow(true);
                if (hole != HoledPages.Hole.ReadOnly)
                {
                    ShouldFault(check.Read(ref local[0], i, length), pages.Bad + i, length, signal);
                    local.ShouldAllBe(value => value == 0);
                }

                ShouldFault(check.Write(i, ref local[0], length), pages.Bad + i, length, signal);
                check.Allow(false);
                check.Read(ref local[0], i, length).ShouldBe((0UL, (ulong)StubProgram.StatusBitClear));
                check.Write(i, ref local[0], length).ShouldBe((0UL, (ulong)StubProgram.StatusBitClear));
            }
        }
    }

    /// <summary>A write whose bit goes in the midst of it says how far it came: here its own first store takes the bit, or the translation, away.</summary>
    [SkippableTheory]
    [MemberData(nameof(Families))]
    public void A_write_in_part_says_how_far_it_came(Family family)
    {
        for (int length = 4; length <= Longest; length++)
        {
            using var check = new Check(family);
            int store = length >= 32 && !check.IsNarrow ? 32 : length >= 16 ? 16 : length >= 8 ? 8 : 4;
            foreach (int before in (int[])[0, 1, 3])
            {
                // Stands for memory: what is looked at lies in it, behind so many bytes.
                check.Allow(true);
                Span<byte> memory = check.WriteCheck(before, out byte* at)[..Longest];
                byte[] old = memory.ToArray();
                byte[] zeros = new byte[length];
                bool isWhole = length == store;
                (ulong value, ulong status) = check.WriteTo(at, ref zeros[0], length);
                (value, status).ShouldBe(isWhole ? (0UL, 0UL) : ((ulong)store, (ulong)StubProgram.StatusBitClear), $"length {length}");
                int done = isWhole ? length : store;
                memory[..done].ToArray().ShouldAllBe(x => x == 0);
                memory[done..].ToArray().ShouldBe(old[done..]);
                old.CopyTo(memory);
            }
        }
    }

    private static void ShouldFault((ulong Value, ulong Status) result, byte* at, int length, ulong signal)
    {
        result.Status.ShouldBe(signal);
        (result.Value - (ulong)at).ShouldBeLessThan((ulong)length);
    }

    private static byte[] Pattern(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>One page that may be accessed, or not.</summary>
    private sealed class Check : IDisposable
    {
        private readonly HeapBacking _backing = new(4096);
        private readonly byte[] _bitmap = GC.AllocateArray<byte>(256, pinned: true);
        private readonly Iotlb _table = new();
        private readonly bool _translated;
        private readonly byte* _page;
        private readonly int _read;
        private readonly int _write;

        internal Check(Family family, byte* page = null)
        {
            Skip.IfNot(Guard.SupportsRestartableSequences, Guard.Description);
            bool narrow = family is Family.BitsInNarrowStores or Family.TranslationsInNarrowStores;
            Skip.If(narrow && !X86Base.IsSupported, "has one form");
            Skip.If(!narrow && X86Base.IsSupported && !Avx.IsSupported, "has no wide registers");
            IsNarrow = narrow || !X86Base.IsSupported;
            _translated = family is Family.Translations or Family.TranslationsInNarrowStores;
            _page = page != null ? page : _backing.Mapping;
            _read = _translated ? StubCode.TranslatedReadOffset : StubCode.BitCheckedReadOffset;
            _write = _translated
                ? narrow ? X64StubCode.TranslatedWriteOffset : StubCode.TranslatedWriteOffset
                : narrow ? X64StubCode.BitCheckedWriteOffset : StubCode.BitCheckedWriteOffset;
        }

        /// <summary>Gets a value indicating whether stores are of at most 16 bytes.</summary>
        internal bool IsNarrow { get; }

        internal Span<byte> Memory => new(_page, 4096);

        public void Dispose()
        {
            _backing.Dispose();
        }

        internal void Allow(bool allowed)
        {
            if (!_translated)
            {
                Volatile.Write(ref _bitmap[(int)Page / 8], (byte)(allowed ? 1 << (int)(Page % 8) : 0));
            }
            else if (allowed)
            {
                Iotlb.Set(_table.Reads, Page, _page);
                Iotlb.Set(_table.Writes, Page, _page);
            }
            else
            {
                _table.Remove(Page, Page);
            }
        }

        internal (ulong Value, ulong Status) Read(ref byte destination, int offset, int length)
        {
            fixed (byte* bitmap = _bitmap)
            {
                GuardedResult result = _translated
                    ? Guard.BitCheckedRead(ref destination, Iova(offset), (nuint)length, (byte*)_table.Reads, Page, GuardEntry.Code + _read)
                    : Guard.BitCheckedRead(ref destination, _page + offset, (nuint)length, bitmap, Page, GuardEntry.Code + _read);
                return (result.Value, result.Status);
            }
        }

        internal (ulong Value, ulong Status) Write(int offset, ref byte source, int length)
        {
            fixed (byte* bitmap = _bitmap)
            {
                GuardedResult result = _translated
                    ? Guard.BitCheckedWrite(Iova(offset), ref source, (nuint)length, (byte*)_table.Writes, Page, GuardEntry.Code + _write)
                    : Guard.BitCheckedWrite(_page + offset, ref source, (nuint)length, bitmap, Page, GuardEntry.Code + _write);
                return (result.Value, result.Status);
            }
        }

        /// <summary>What a write looks at, as memory that can be written, from some bytes before that on.</summary>
        internal Span<byte> WriteCheck(int before, out byte* at)
        {
            if (_translated)
            {
                // The page of the entry, its first word: a number that is not zero.
                at = (byte*)(_table.Writes + ((Page % 512) * 4)) - before;
                Iotlb.Set(_table.Writes, Page, (byte*)((ulong)at & ~((ulong)GuestAddress.PageSize - 1)));
            }
            else
            {
                at = (byte*)Unsafe.AsPointer(ref _bitmap[(int)Page / 8]) - before;
            }

            return new Span<byte>(at, 2 * Longest);
        }

        /// <summary>Writes to memory that is in the page.</summary>
        internal (ulong Value, ulong Status) WriteTo(byte* at, ref byte source, int length)
        {
            fixed (byte* bitmap = _bitmap)
            {
                GuardedResult result = _translated
                    ? Guard.BitCheckedWrite(
                        Iova((int)((ulong)at % (ulong)GuestAddress.PageSize)), ref source, (nuint)length, (byte*)_table.Writes, Page, GuardEntry.Code + _write)
                    : Guard.BitCheckedWrite(at, ref source, (nuint)length, bitmap, Page, GuardEntry.Code + _write);
                return (result.Value, result.Status);
            }
        }

        private static byte* Iova(int offset) => (byte*)(Page * GuestAddress.PageSize) + offset;
    }
}
