using System.Numerics;

namespace Hyperspan.Kvm;

/// <content>Which pages the guest has written to.</content>
public sealed partial class MemoryMapping
{
    /// <summary>Gets a value indicating whether the kernel notes which pages the guest writes to.</summary>
    public bool IsLogged { get; private set; }

    /// <summary>
    /// Has the kernel note from now on which pages the guest's processors write to. It does not see writes of this process, or of devices in it: a <see cref="DirtyLog"/> to
    /// which the partition was added has both, and takes what the kernel notes for itself.
    /// </summary>
    /// <exception cref="KvmException">The kernel refused.</exception>
    /// <exception cref="ObjectDisposedException">It has been unmapped.</exception>
    public void StartDirtyLog() => SetLogged(true);

    /// <summary>Ends the dirty log, and forgets what is in it.</summary>
    /// <exception cref="KvmException">The kernel refused.</exception>
    /// <exception cref="ObjectDisposedException">It has been unmapped.</exception>
    public void StopDirtyLog() => SetLogged(false);

    /// <summary>Gets the number of 64-bit words that a slot's bitmap has: a bit for each page of 4096 bytes.</summary>
    /// <param name="slot">One of <see cref="Slots"/>.</param>
    /// <returns>The number of words.</returns>
    public static int DirtyBitmapLength(MemorySlot slot)
    {
        ArgumentNullException.ThrowIfNull(slot);
        return DirtyWords(slot.Range.Length);
    }

    /// <summary>Reads which pages of a slot were written to since they were last cleared.</summary>
    /// <param name="slot">One of <see cref="Slots"/>.</param>
    /// <param name="bitmap">Receives a bit for each page, the lowest for the first; <see cref="DirtyBitmapLength"/> words.</param>
    /// <returns>
    /// The number of pages written to. Where the kernel has <see cref="KvmCapabilities.ManualDirtyProtection"/> they stay noted until <see cref="ClearDirty"/>;
    /// elsewhere reading clears them.
    /// </returns>
    /// <exception cref="ArgumentException">The bitmap has another length, or the slot is none of this mapping.</exception>
    /// <exception cref="InvalidOperationException">There is no dirty log, or the partition has dirty rings instead.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public long ReadDirty(MemorySlot slot, Span<ulong> bitmap)
    {
        Check(slot, bitmap);
        _partition.ReadDirty(this, slot.Number, bitmap);
        long count = 0;
        foreach (ulong word in bitmap)
        {
            count += BitOperations.PopCount(word);
        }

        return count;
    }

    /// <summary>Forgets that pages were written to and has the next write to each noted. Processors may run: a write after this is noted.</summary>
    /// <param name="slot">One of <see cref="Slots"/>.</param>
    /// <param name="bitmap">The pages to clear, as <see cref="ReadDirty"/> gave them.</param>
    /// <inheritdoc cref="ReadDirty(MemorySlot, Span{ulong})" path="/exception"/>
    public void ClearDirty(MemorySlot slot, ReadOnlySpan<ulong> bitmap)
    {
        Check(slot, bitmap);
        _partition.ClearDirty(this, slot.Number, slot.Range.Length, bitmap);
    }

    /// <summary>The number of words for a slot of a length in bytes.</summary>
    internal static int DirtyWords(ulong length) => (int)(((length / GuestAddress.PageSize) + 63) / 64);

    private void SetLogged(bool logged) => _partition.WithSlots(this, () =>
    {
        bool before = IsLogged;
        IsLogged = logged;
        try
        {
            _partition.Update(this);
        }
        catch
        {
            IsLogged = before;
            throw;
        }
    });

    private void Check(MemorySlot slot, ReadOnlySpan<ulong> bitmap)
    {
        ArgumentNullException.ThrowIfNull(slot);
        if (bitmap.Length != DirtyBitmapLength(slot))
        {
            throw new ArgumentException($"The bitmap of this slot has {DirtyBitmapLength(slot)} words.", nameof(bitmap));
        }

        if (!Slots.Contains(slot))
        {
            throw new ArgumentException($"There is no {slot} in this mapping.", nameof(slot));
        }

        if (!IsLogged || _partition.HasDirtyRings)
        {
            throw new InvalidOperationException(IsLogged ? "The partition has dirty rings instead of bitmaps." : "There is no dirty log.");
        }
    }
}
