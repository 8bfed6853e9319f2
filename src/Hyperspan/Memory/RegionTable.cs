using System.Numerics;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Finds the region of an address in constant time, for any layout of regions that do not overlap.</summary>
/// <remarks>
/// <para>
/// A table of 2^n equal slots over the address space of the memory. A slot names the region that fills most of it, and leads to a finer table where
/// it holds parts of others as well. There are at most 512 slots in a table, so the depth is bounded by (64 - 12) / 9 levels, whatever the number of regions
/// (or by 64 / 9, in a subrange that starts inside a page, where two regions meet inside one as well); in the usual layouts (RAM below and above a hole, equal memory slots) the first level answers.
/// </para>
/// <para>
/// The index is masked, not checked: an address past the table lands in some slot, whose region then does not contain it.
/// </para>
/// </remarks>
internal sealed class RegionTable
{
    private const int MaxBits = 9;

    internal static readonly RegionTable Empty = new(new RegionSlot[1], 63);

    internal readonly RegionSlot[] Slots;
    internal readonly int Shift;
    internal readonly ulong Mask;

    private RegionTable(RegionSlot[] slots, int shift)
    {
        Slots = slots;
        Shift = shift;
        Mask = (ulong)slots.Length - 1;
    }

    /// <summary>Builds the table for regions sorted by address.</summary>
    internal static RegionTable Build(ReadOnlySpan<MemoryRegion> regions)
    {
        if (regions.IsEmpty)
        {
            return Empty;
        }

        MemoryRegion last = regions[^1];
        int addressBits = 64 - BitOperations.LeadingZeroCount(last.Start + (last.Length - 1));
        return Build(regions, 0, addressBits);
    }

    /// <summary>Finds the region that contains an address.</summary>
    internal MemoryRegion? Find(ulong address)
    {
        RegionTable? table = this;
        do
        {
            ref RegionSlot slot = ref table.Slots[(address >> table.Shift) & table.Mask];
            if (slot.Region is { } region && address - region.Start < region.Length)
            {
                return region;
            }

            table = slot.Others;
        }
        while (table is not null);
        return null;
    }

    /// <summary>Builds a table over the 2^<paramref name="windowBits"/> bytes from <paramref name="windowStart"/> on.</summary>
    private static RegionTable Build(ReadOnlySpan<MemoryRegion> regions, ulong windowStart, int windowBits)
    {
        // The fewest slots in which no two regions meet, or the most we allow.
        int bits = 0;
        while (bits < MaxBits && bits < windowBits && AnySlotShared(regions, windowBits - bits))
        {
            bits++;
        }

        // A shift by 64 would be one by 0: a window of the whole address space is cut in two.
        if (windowBits - bits > 63)
        {
            bits = 1;
        }

        int shift = windowBits - bits;
        var slots = new RegionSlot[1 << bits];
        for (int i = 0; i < slots.Length; i++)
        {
            ulong start = windowStart + ((ulong)i << shift);
            ulong last = start + ((1UL << shift) - 1);
            Fill(ref slots[i], regions, start, last, shift);
        }

        return new RegionTable(slots, shift);
    }

    private static bool AnySlotShared(ReadOnlySpan<MemoryRegion> regions, int shift)
    {
        for (int i = 1; i < regions.Length; i++)
        {
            ulong previousLast = regions[i - 1].Start + (regions[i - 1].Length - 1);
            if (shift > 63 || previousLast >> shift == regions[i].Start >> shift)
            {
                return true;
            }
        }

        return false;
    }

    private static void Fill(ref RegionSlot slot, ReadOnlySpan<MemoryRegion> regions, ulong first, ulong last, int shift)
    {
        int from = 0;
        while (from < regions.Length && regions[from].Start + (regions[from].Length - 1) < first)
        {
            from++;
        }

        int count = 0;
        int widest = -1;
        ulong most = 0;
        while (from + count < regions.Length && regions[from + count].Start <= last)
        {
            MemoryRegion region = regions[from + count];
            ulong covered = Math.Min(last, region.Start + (region.Length - 1)) - Math.Max(first, region.Start);
            if (widest < 0 || covered > most)
            {
                widest = from + count;
                most = covered;
            }

            count++;
        }

        if (count == 0)
        {
            return;
        }

        SetRegion(ref slot, regions[widest]);
        if (count > 1)
        {
            slot.Others = Build(regions.Slice(from, count), first, shift);
        }
    }

    private static unsafe void SetRegion(ref RegionSlot slot, MemoryRegion region)
    {
        ulong limit = ScalarLimit(region.Length);
        slot.Region = region;
        slot.Start = region.Start;
        slot.Base = region.Base;
        if (region.IsDirect)
        {
            slot.DirectRead = region.CanRead ? limit : 0;
            slot.DirectWrite = region.CanWrite ? limit : 0;
        }
        else if (region.IsGuardedInline && Guard.UsesMachineCode)
        {
            slot.GuardedRead = region.CanRead ? limit : 0;
            slot.GuardedWrite = region.CanWrite ? limit : 0;
        }
    }

    /// <summary>The number of offsets at which a scalar of up to eight bytes may start without reaching past the region.</summary>
    internal static ulong ScalarLimit(ulong length) => length > 7 ? length - 7 : 0;
}
