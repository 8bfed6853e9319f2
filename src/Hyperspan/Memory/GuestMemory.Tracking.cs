using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Translation;

namespace Hyperspan;

/// <content>Writes that somebody is to be told of. The gate says so, after the write: nothing is asked of a memory that nobody watches.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Has an observer told of each write that is made through any memory, region or slice over the backings of this one: values, bytes, fills, copies, atomic
    /// operations, what fallback methods do, and what was pinned for writing, when it is unpinned. It is told by the thread that wrote, when the bytes are there and before
    /// the access returns.
    /// </summary>
    /// <param name="observer">The observer. It is told of the addresses in this memory; of several, where regions show the same part of a backing.</param>
    /// <returns>What ends it. A write that is under way then may still be told.</returns>
    /// <exception cref="ObjectDisposedException">This memory has been disposed.</exception>
    /// <exception cref="NotSupportedException">The addresses of this memory are translated: observe the memory that they are translated to.</exception>
    /// <remarks>
    /// Every write that begins after this returns is told, and so are those under way. Ranges may be larger than what was written, and may name what was not changed: a
    /// compare-exchange that found something else, an access that failed half way. What is written through bare pointers or by others is not seen.
    /// </remarks>
    public IDisposable ObserveWrites(IWriteObserver observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        ThrowIfTranslated();
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return new WriteObservation(Clipped, observer);
    }

    /// <summary>Gets the regions, for those who keep track of what is written to them.</summary>
    internal ReadOnlySpan<MemoryRegion> TrackedRegions => Clipped;

    /// <summary>Gets a value indicating whether writes ask whom they are to tell.</summary>
    internal bool IsDisturbedForWrites => Translation is { } translation ? translation.Target.IsDisturbedForWrites : Gate.AreWritesDisturbed;

    /// <summary>Called by a backing when it has somebody to tell of writes, or nobody any more.</summary>
    internal void OnTracked(GuestMemoryBacking backing, bool tracked)
    {
        if (!IsBelow(backing))
        {
            Gate.Track(tracked);
        }
        else if (tracked)
        {
            // Written by the slow path from now on, which goes by the memory that is tracked.
            Translation!.ForgetWrites();
        }
    }

    /// <summary>Throws where addresses are translated: what is written is known by other addresses.</summary>
    /// <exception cref="NotSupportedException">They are.</exception>
    internal void ThrowIfTranslated()
    {
        if (Translation is not null)
        {
            throw new NotSupportedException($"the addresses of '{Name}' are translated: track the memory that they are translated to");
        }
    }

    /// <summary>Whether this translates addresses and a backing is one of those it was attached to because translations may lead there.</summary>
    private bool IsBelow(GuestMemoryBacking backing) =>
        Translation is { } translation && !(backing is TranslatedBacking translated && translated.Owner == translation);

    /// <summary>Called by a backing when it has others to tell of writes than before; by one backing at a time, and this one by each for itself.</summary>
    internal void OnTrackersChanged(GuestMemoryBacking backing)
    {
        RegionTable table = Table;
        if (table.IsClosed)
        {
            return;
        }

        RegionLog?[]? logs = Volatile.Read(ref _logs);
        if (logs is null)
        {
            RegionLog?[] made = table.CreateLogs();
            logs = Interlocked.CompareExchange(ref _logs, made, null) ?? made;
        }

        DirtyMap? map = backing.SoleLog?.Written;
        table.SetLogs(logs, backing, map);
        if (Clipped is [{ Start: 0 } first, ..] && first.Backing == backing)
        {
            Volatile.Write(ref _firstLog, map is null ? null : new RegionLog(map, first));
        }
    }

    /// <summary>
    /// Whether a value that was written inline counts, and there is nothing more to be done: its page is marked already, where a dirty log is all there is to be told. Of a
    /// memory that is no slice; otherwise <see langword="false"/>, and <see cref="ConfirmWrite"/> knows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool HasLogged(ulong address, ulong length) =>
        FindLog(address) is { } log && log.HasMarked(address, length) && !Gate.IsDisturbed;

    /// <summary>The log of the region that a value lies in, where that fills its slot of the table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private RegionLog? FindLog(ulong address)
    {
        RegionLog? log = Volatile.Read(ref _firstLog);
        if (log is null || !log.Covers(address))
        {
            RegionLog?[]? logs = Volatile.Read(ref _logs);
            log = logs is null ? null : Volatile.Read(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(logs), Table.IndexOf(address)));
            if (log is null || !log.Covers(address))
            {
                return null;
            }
        }

        return log;
    }

    /// <summary>
    /// As <see cref="ConfirmWrite"/>, without a call, for a value in any region, where a dirty log is all there is to be told. Otherwise <see langword="false"/>, and
    /// <see cref="ConfirmWrite"/> knows; what it marks is marked already then.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryConfirmLogged(ulong address, ulong length)
    {
        ref RegionSlot slot = ref Table.SlotOf(address);
        ulong offset = address - slot.Start;
        if (slot.Region is not { } region || !RegionSlot.Fits(region.Length, offset, length) || region.Backing.SoleLog is not { } log || Gate.Shown is not null)
        {
            return false;
        }

        log.Written.Mark(region.BackingOffset + offset, length);
        return !Gate.IsDisturbed;
    }

    /// <summary>Tells of a write that was done inline, inside one region, where the gate is disturbed. Answers whether it counts: the region must still be open.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal bool ConfirmWrite(ulong address, ulong length)
    {
        if (Find(address) is not { } region)
        {
            // Closed since; but its backings may be open, and others show them.
            TellRange(address, length);
            return false;
        }

        Tell(region, address - region.Start, length);
        return !IsClosed(region);
    }

    /// <summary>Tells those who keep track of writes, or, of what is pinned for writing, those who are collecting.</summary>
    internal void Tell(MemoryRegion region, ulong offset, ulong length, bool isHeld = false)
    {
        if (isHeld)
        {
            region.Backing.MarkHeld(region.BackingOffset + offset, length);
        }
        else
        {
            region.Backing.MarkWritten(region.BackingOffset + offset, length);
        }

        Gate.Shown?.Memory.TellRange(Gate.Shown.Start + _windowStart + region.Start + offset, length, isHeld);
    }

    /// <summary>Tells of a write to any range, also after this memory was closed.</summary>
    internal void TellRange(ulong address, ulong length, bool isHeld = false)
    {
        foreach (MemoryRegion region in Clipped)
        {
            if (region.TryClip(address, length, out ulong start, out ulong piece))
            {
                Tell(region, start - region.Start, piece, isHeld);
            }
        }
    }

    /// <summary>Tells of a write to a range of addresses of this process, as far as it is mapped here.</summary>
    internal void TellMapped(byte* at, ulong length, bool isHeld)
    {
        if (Translation is { } translation)
        {
            translation.Target.TellMapped(at, length, isHeld);
            return;
        }

        foreach (MemoryRegion region in Clipped)
        {
            ulong offset = (ulong)at - (ulong)region.Base;
            if (region.Base != null && offset < region.Length)
            {
                Tell(region, offset, Math.Min(length, region.Length - offset), isHeld);
            }
        }
    }
}
