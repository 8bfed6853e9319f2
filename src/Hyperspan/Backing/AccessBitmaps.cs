using System.Diagnostics;
using System.Globalization;

namespace Hyperspan;

/// <summary>
/// What may be done through <see cref="GuestMemory"/> with each page of a backing: a bit for reading and one for writing, for each page of 4 KiB. Given to a backing as
/// <see cref="GuestMemoryBacking.AccessBitmaps"/>.
/// </summary>
/// <remarks>
/// All methods may be called from any thread, also while the memory is accessed. They stop accesses through <see cref="GuestMemory"/> alone: not those by a span or on
/// pinned pages, nor those of the guest or of another process.
/// </remarks>
[DebuggerDisplay("{PageCount} pages")]
public sealed unsafe class AccessBitmaps
{
    private const int BitsPerWord = 64;

    // Keeps bitmaps of our own where the pointers say; null where they are the caller's.
    private readonly ulong[]? _owned;
    private readonly ulong _length;

    /// <summary>Initializes a new instance of the <see cref="AccessBitmaps"/> class: bitmaps of its own, by which every page may be read and written.</summary>
    /// <param name="length">The length in bytes of the backing that they are for; a last page that is not whole counts as one.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is more than can be mapped.</exception>
    /// <exception cref="OutOfMemoryException">There is not so much memory: they take two bits for each 4 KiB.</exception>
    public AccessBitmaps(ulong length)
    {
        PageMath.RequireMappableLength(length, nameof(length));
        _length = length;
        int words = (int)((PageCount + BitsPerWord - 1) / BitsPerWord);

        // One word at least, so that there is an address. SAFETY: the array is pinned, and lives as long as this.
        _owned = GC.AllocateUninitializedArray<ulong>(Math.Max(2 * words, 2), pinned: true);
        Array.Fill(_owned, ulong.MaxValue);
        fixed (ulong* first = _owned)
        {
            ReadBitmap = (byte*)first;
            WriteBitmap = (byte*)(first + words);
        }
    }

    /// <summary>Initializes a new instance of the <see cref="AccessBitmaps"/> class over bitmaps that somebody else keeps, of any contents.</summary>
    /// <param name="readBitmap">The bitmap that reads are checked against: the least significant bit of each byte first, a set bit permits.</param>
    /// <param name="writeBitmap">The bitmap that writes are checked against; it may be the same.</param>
    /// <param name="length">The length in bytes of the backing that they are for; a last page that is not whole counts as one.</param>
    /// <param name="bitOffset">The bit that stands for the backing's first page, counted from bit 0 of the first byte.</param>
    /// <remarks>
    /// They must stay where they are for as long as anything refers to the backing. Whoever clears bits of them directly must call
    /// <see cref="GuestMemory.SynchronizeRestrictions"/> before relying on it; setting bits needs no synchronization.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is more than can be mapped.</exception>
    public AccessBitmaps(byte* readBitmap, byte* writeBitmap, ulong length, ulong bitOffset = 0)
    {
        ArgumentNullException.ThrowIfNull(readBitmap);
        ArgumentNullException.ThrowIfNull(writeBitmap);
        PageMath.RequireMappableLength(length, nameof(length));
        _length = length;
        ReadBitmap = readBitmap;
        WriteBitmap = writeBitmap;
        BitOffset = bitOffset;
    }

    /// <summary>Gets how many pages of 4 KiB there are bits for.</summary>
    public ulong PageCount => PagesOf(_length);

    internal byte* ReadBitmap { get; }

    internal byte* WriteBitmap { get; }

    /// <summary>The bit that stands for the backing's first page.</summary>
    internal ulong BitOffset { get; }

    /// <summary>
    /// Says what may be done with pages from now on. Where something is no longer permitted, it waits until no access that was permitted before can still take effect, as
    /// <see cref="GuestMemory.SynchronizeRestrictions"/> does: when it returns, that can be relied on.
    /// </summary>
    /// <param name="offset">The first byte, in bytes from the start of the backing; a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes; a multiple of 4 KiB, unless it ends where the backing does.</param>
    /// <param name="protection">What is permitted. Executing is the guest's, and not looked at.</param>
    /// <param name="cancellationToken">Ends the wait. The bits are set as asked for, but nothing may be relied on then.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not in the backing.</exception>
    /// <exception cref="ArgumentException">
    /// The range is not one of whole pages; or both bitmaps are the same, and only one of reading and writing is to be permitted.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// Something is no longer permitted, and the calling thread is inside a section of <see cref="Synchronization.RcuDomain.GuestMemory"/>.
    /// </exception>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    /// <remarks>Microseconds while no access is under way, however long the range. Page-fault handlers and fallback methods may call it.</remarks>
    public void Protect(ulong offset, ulong length, Protection protection, CancellationToken cancellationToken = default)
    {
        if (Change(offset, length, protection))
        {
            GuestMemory.SynchronizeRestrictions(cancellationToken);
        }
    }

    /// <summary>Does what <see cref="Protect"/> does, and waits on a thread of the pool.</summary>
    /// <param name="offset">The first byte, in bytes from the start of the backing; a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes; a multiple of 4 KiB, unless it ends where the backing does.</param>
    /// <param name="protection">What is permitted. Executing is the guest's, and not looked at.</param>
    /// <param name="cancellationToken">Ends the wait. The bits are set as asked for, but nothing may be relied on then.</param>
    /// <returns>A task that ends when no access that was permitted before can still take effect.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range is not in the backing.</exception>
    /// <exception cref="ArgumentException">
    /// The range is not one of whole pages; or both bitmaps are the same, and only one of reading and writing is to be permitted.
    /// </exception>
    /// <exception cref="InvalidOperationException">The calling thread is inside a section of <see cref="Synchronization.RcuDomain.GuestMemory"/>; the bits are set.</exception>
    public Task ProtectAsync(ulong offset, ulong length, Protection protection, CancellationToken cancellationToken = default) =>
        Change(offset, length, protection) ? GuestMemory.SynchronizeRestrictionsAsync(cancellationToken) : Task.CompletedTask;

    /// <summary>Gets what may be done with the page of a byte.</summary>
    /// <param name="offset">The byte, in bytes from the start of the backing.</param>
    /// <returns>Whether it may be read and written, as the bits are now; never <see cref="Protection.CanExecute"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The byte is not in the backing.</exception>
    public Protection GetProtection(ulong offset)
    {
        ulong page = offset >> GuestAddress.PageShift;
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(page, PageCount, nameof(offset));
        var protection = new Protection(IsSet(ReadBitmap, page), IsSet(WriteBitmap, page), execute: false);
        GC.KeepAlive(this);
        return protection;
    }

    private static ulong PagesOf(ulong length) => (length / GuestAddress.PageSize) + (length % GuestAddress.PageSize == 0 ? 0UL : 1UL);

    /// <summary>The aligned word of a bitmap that holds a page's bit. It is in the same page of the host as the bit's byte, so it is there where that is.</summary>
    private ulong* WordOf(byte* bitmap, ulong page, out int bit)
    {
        ulong at = BitOffset + page;
        byte* first = bitmap + (at / 8);
        var word = (ulong*)((nuint)first & ~(nuint)(sizeof(ulong) - 1));
        bit = (int)(8 * (first - (byte*)word)) + (int)(at % 8);
        return word;
    }

    private bool IsSet(byte* bitmap, ulong page)
    {
        ulong* word = WordOf(bitmap, page, out int bit);
        return (Volatile.Read(ref *word) & (1UL << bit)) != 0;
    }

    /// <summary>Whether a range of the backing is one of whole pages, of which each has bits of its own.</summary>
    /// <exception cref="ArgumentException">Both bitmaps are the same, and only one of reading and writing is to be permitted.</exception>
    internal bool CanProtect(ulong offset, ulong length, Protection protection)
    {
        if (ReadBitmap == WriteBitmap && protection.CanRead != protection.CanWrite)
        {
            throw new ArgumentException("reads and writes are checked against the same bitmap: both are permitted or neither is", nameof(protection));
        }

        return offset % GuestAddress.PageSize == 0 && (length % GuestAddress.PageSize == 0 || offset + length == _length);
    }

    /// <summary>Sets and clears the bits of a range.</summary>
    /// <returns>Whether any was cleared, or may have been by somebody else at the same time.</returns>
    internal bool Change(ulong offset, ulong length, Protection protection)
    {
        ulong first = offset / GuestAddress.PageSize;
        ulong count = PagesOf(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, PageCount, nameof(offset));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, PageCount - first, nameof(length));
        if (!CanProtect(offset, length, protection))
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"0x{length:x} bytes at offset 0x{offset:x} are no whole pages of 4 KiB"),
                offset % GuestAddress.PageSize != 0 ? nameof(offset) : nameof(length));
        }

        Change(ReadBitmap, first, count, protection.CanRead);
        Change(WriteBitmap, first, count, protection.CanWrite);
        GC.KeepAlive(this);
        return count > 0 && !(protection.CanRead && protection.CanWrite);
    }

    private void Change(byte* bitmap, ulong first, ulong count, bool permitted)
    {
        for (ulong page = first; page < first + count;)
        {
            ulong* word = WordOf(bitmap, page, out int bit);
            int bits = (int)Math.Min((ulong)(BitsPerWord - bit), first + count - page);
            ulong mask = ulong.MaxValue >> (BitsPerWord - bits) << bit;

            // SAFETY: the word holds a bit of the bitmap. Atomic, so that what others change in the rest of it stays.
            if (permitted)
            {
                Interlocked.Or(ref *word, mask);
            }
            else
            {
                Interlocked.And(ref *word, ~mask);
            }

            page += (ulong)bits;
        }
    }
}
