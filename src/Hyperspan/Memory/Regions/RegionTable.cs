using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>Finds the region of an address in constant time, for any layout of regions that do not overlap.</summary>
/// <remarks>
/// <para>
/// A table of 2^n equal slots over the address space of the memory. A slot names the region that fills most of it, and leads to a finer table where
/// it holds parts of others as well. There are at most 512 slots in a table, so the depth is bounded by (64 - 12) / 9 levels, whatever the number of regions
/// (or by 64 / 9, in a slice that starts inside a page, where two regions meet inside one as well); in the usual layouts (RAM below and above a hole, equal memory
/// slots) the first level answers.
/// </para>
/// <para>
/// The index is masked, not checked: an address past the table lands in some slot, whose region then does not contain it.
/// </para>
/// </remarks>
internal sealed class RegionTable
{
    private const int MaxBits = 9;

    internal static readonly RegionTable Empty = new([], new RegionSlot[1], 63);

    /// <summary>Stands for a table that nothing has asked for so far: nothing is found in it by the fast paths.</summary>
    internal static readonly RegionTable Pending = new([], new RegionSlot[1], 63);

    private readonly RegionSlot[] _slots;
    private readonly int _shift;
    private readonly ulong _mask;

    // For the slots that hold parts of several regions; null where there is none.
    private readonly RegionTable?[]? _finer;

    // Of the whole memory; none in a finer table.
    private readonly MemoryRegion[] _regions;

    private RegionTable(MemoryRegion[] regions, RegionSlot[] slots, int shift, RegionTable?[]? finer = null)
    {
        _regions = regions;
        _slots = slots;
        _finer = finer;
        _shift = shift;
        _mask = (ulong)slots.Length - 1;
    }

    /// <summary>Builds the table for regions sorted by address.</summary>
    internal static RegionTable Build(ReadOnlySpan<MemoryRegion> regions) => regions.IsEmpty
        ? Empty
        : Build(regions.ToArray(), regions, 0, 64 - BitOperations.LeadingZeroCount(regions[^1].Last));

    /// <summary>Gets the regions in the order of their addresses.</summary>
    internal ReadOnlySpan<MemoryRegion> Regions => _regions;

    /// <summary>Gets the last address of the last region; zero where there is none.</summary>
    internal ulong Last => _regions is [.., var last] ? last.Last : 0;

    /// <summary>Gets a value indicating whether nothing is ever found in it: of a memory that was closed, or is empty.</summary>
    internal bool IsClosed => _slots == Empty._slots;

    /// <summary>The table of a memory that was closed: it has the regions and finds none.</summary>
    internal RegionTable Closed() => _regions.Length == 0 ? Empty : new(_regions, Empty._slots, Empty._shift);

    /// <summary>The slot of the first level that an address falls into: its region need not contain the address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref RegionSlot SlotOf(ulong address) =>
        ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_slots), IndexOf(address));

    /// <summary>The number of the slot of the first level that an address falls into.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal nint IndexOf(ulong address) => (nint)((address >> _shift) & _mask);

    /// <summary>Makes room for the logs of what the slots of the first level are filled by.</summary>
    internal RegionLog?[] CreateLogs() => new RegionLog?[_slots.Length];

    /// <summary>Sets the log of the regions of a backing, in each slot of the first level that one of them fills.</summary>
    /// <param name="logs">Made for this table.</param>
    /// <param name="backing">The backing.</param>
    /// <param name="map">What is marked, or <see langword="null"/> where there is more to be told, or nothing.</param>
    internal void SetLogs(RegionLog?[] logs, GuestMemoryBacking backing, DirtyMap? map)
    {
        // Slots beside each other are mostly those of one region.
        RegionLog? log = null;
        MemoryRegion? logged = null;
        for (int i = 0; i < _slots.Length; i++)
        {
            if (_slots[i].Region is { } region && region.Backing == backing)
            {
                if (region != logged)
                {
                    (logged, log) = (region, map is null ? null : new RegionLog(map, region));
                }

                Volatile.Write(ref logs[i], log);
            }
        }
    }

    /// <summary>Finds the region that contains an address.</summary>
    internal MemoryRegion? Find(ulong address)
    {
        RegionTable? table = this;
        do
        {
            ulong index = (address >> table._shift) & table._mask;
            ref RegionSlot slot = ref table._slots[index];
            if (slot.Region is { } region && address - region.Start < region.Length)
            {
                return region;
            }

            table = table._finer?[index];
        }
        while (table is not null);
        return null;
    }

    /// <summary>Builds a table over the 2^<paramref name="windowBits"/> bytes from <paramref name="windowStart"/> on.</summary>
    private static RegionTable Build(MemoryRegion[] all, ReadOnlySpan<MemoryRegion> regions, ulong windowStart, int windowBits)
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
        RegionTable?[]? finer = null;
        for (int i = 0; i < slots.Length; i++)
        {
            ulong start = windowStart + ((ulong)i << shift);
            ulong last = start + ((1UL << shift) - 1);
            ReadOnlySpan<MemoryRegion> inside = Fill(ref slots[i], regions, start, last);
            if (inside.Length > 1)
            {
                finer ??= new RegionTable?[slots.Length];
                finer[i] = Build([], inside, start, shift);
            }
        }

        return new RegionTable(all, slots, shift, finer);
    }

    private static bool AnySlotShared(ReadOnlySpan<MemoryRegion> regions, int shift)
    {
        for (int i = 1; i < regions.Length; i++)
        {
            ulong previousLast = regions[i - 1].Last;
            if (shift > 63 || previousLast >> shift == regions[i].Start >> shift)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Sets a slot for the region that fills most of it, and returns all regions it holds parts of.</summary>
    private static ReadOnlySpan<MemoryRegion> Fill(ref RegionSlot slot, ReadOnlySpan<MemoryRegion> regions, ulong first, ulong last)
    {
        int from = 0;
        while (from < regions.Length && regions[from].Last < first)
        {
            from++;
        }

        int count = 0;
        int widest = -1;
        ulong most = 0;
        while (from + count < regions.Length && regions[from + count].Start <= last)
        {
            MemoryRegion region = regions[from + count];
            ulong covered = Math.Min(last, region.Last) - Math.Max(first, region.Start);
            if (widest < 0 || covered > most)
            {
                widest = from + count;
                most = covered;
            }

            count++;
        }

        if (count != 0)
        {
            MemoryRegion filling = regions[widest];
            slot.Start = filling.Start;
            slot.Set(filling, 0, filling.Length);
        }

        return regions.Slice(from, count);
    }
}
