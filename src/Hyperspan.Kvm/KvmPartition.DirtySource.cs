using System.Buffers;

namespace Hyperspan.Kvm;

/// <content>What the guest's processors write, for a <see cref="DirtyLog"/>.</content>
public sealed partial class KvmPartition : IDirtySource
{
    private int _dirtyLogs;

    /// <summary>Gets a value indicating whether a dirty log asks for all that the guest writes.</summary>
    internal bool IsLoggedAsWhole => _dirtyLogs != 0;

    /// <inheritdoc/>
    /// <exception cref="KvmException">The kernel refused. Nothing has changed.</exception>
    /// <exception cref="ObjectDisposedException">The partition has been disposed.</exception>
    void IDirtySource.BeginLogging()
    {
        lock (_slotLock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_dirtyLogs++ != 0)
            {
                return;
            }

            try
            {
                _mappings.ForEach(Update);
            }
            catch
            {
                _dirtyLogs = 0;
                TryUpdateAll();
                throw;
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="KvmException">The kernel refused.</exception>
    void IDirtySource.ReportWrites()
    {
        if (HasDirtyRings)
        {
            ReportRings();
            return;
        }

        lock (_slotLock)
        {
            foreach (MemoryMapping mapping in _mappings)
            {
                foreach (SlotState slot in mapping.States)
                {
                    if (!mapping.IsReadOnly(slot))
                    {
                        ReportBitmap(mapping, slot);
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    void IDirtySource.EndLogging()
    {
        lock (_slotLock)
        {
            if (--_dirtyLogs == 0)
            {
                TryUpdateAll();
            }
        }
    }

    /// <summary>A slot that goes takes its log along: all of it counts as written. The guest does not reach it any more.</summary>
    private void ReportGone(MemoryMapping mapping, SlotState slot)
    {
        if (IsLoggedAsWhole && !mapping.IsReadOnly(slot))
        {
            slot.Hold.Backing.ReportWritten(slot.BackingOffset, slot.Range.Length);
        }
    }

    /// <summary>A processor that goes takes its ring along: all it may have written to counts as written.</summary>
    private void ReportRingGone()
    {
        lock (_slotLock)
        {
            foreach (MemoryMapping mapping in HasDirtyRings ? _mappings : [])
            {
                foreach (SlotState slot in mapping.States)
                {
                    ReportGone(mapping, slot);
                }
            }
        }
    }

    /// <summary>Nobody asks any more. A slot that cannot be told goes on to be logged, which costs the guest and nothing else.</summary>
    private void TryUpdateAll()
    {
        try
        {
            _mappings.ForEach(Update);
        }
        catch (KvmException)
        {
            // See above.
        }
    }

    private void ReportBitmap(MemoryMapping mapping, SlotState slot)
    {
        int words = MemoryMapping.DirtyWords(slot.Range.Length);
        ulong[] rented = ArrayPool<ulong>.Shared.Rent(words);
        try
        {
            Span<ulong> bitmap = rented.AsSpan(0, words);
            ReadDirty(mapping, slot.Number, bitmap);

            // Reported before they are cleared: then nothing that fails can lose them.
            if (ReportRuns(slot, bitmap))
            {
                ClearDirty(mapping, slot.Number, slot.Range.Length, bitmap);
            }
        }
        finally
        {
            ArrayPool<ulong>.Shared.Return(rented);
        }
    }

    private static bool ReportRuns(SlotState slot, ReadOnlySpan<ulong> bitmap)
    {
        bool any = false;
        for (int word = 0; word < bitmap.Length; word++)
        {
            foreach (BitRun run in new BitRuns(bitmap[word]))
            {
                Report(slot, ((ulong)word * 64) + (uint)run.First, (uint)run.Count);
                any = true;
            }
        }

        return any;
    }

    private static void Report(SlotState slot, ulong page, ulong count) =>
        slot.Hold.Backing.ReportWritten(slot.BackingOffset + (page * GuestAddress.PageSize), count * GuestAddress.PageSize);

    private void ReportRings()
    {
        lock (_ringLock)
        {
            lock (_slotLock)
            {
                if (_handle.IsClosed)
                {
                    // All counted as written when it was closed.
                    return;
                }

                var slots = _mappings.SelectMany(static mapping => mapping.States).ToDictionary(static slot => slot.Number);
                TakeFromRings((number, page) =>
                {
                    // An entry of a slot that has gone since may carry the number of another one, of another length.
                    if (slots.TryGetValue(number, out SlotState? slot) && page < slot.Range.Length / GuestAddress.PageSize)
                    {
                        Report(slot, page, 1);
                    }
                });
            }
        }
    }
}
