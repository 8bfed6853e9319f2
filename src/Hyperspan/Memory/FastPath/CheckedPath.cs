using System.Runtime.CompilerServices;
using Hyperspan.Guarding;
using Hyperspan.Synchronization;
using Hyperspan.Translation;

namespace Hyperspan;

/// <summary>
/// The inlined path to a region under access bitmaps: one call of a stub that looks at the page's bit and does the access
/// as one restartable sequence. No RCU section is needed for a value: whoever restricts interrupts the sequences under way (see
/// <see cref="GuestMemory.SynchronizeRestrictions"/>).
/// </summary>
/// <remarks>
/// Memory whose addresses are translated is reached the same way: tables of translations take the place of the bitmaps, the number of the page that of the bit, the
/// I/O virtual address that of the mapping's. The stubs for that take the same arguments and lie at a fixed distance from those for bits.
/// </remarks>
internal sealed unsafe class CheckedPath
{
    private readonly byte* _readBitmap;
    private readonly byte* _writeBitmap;
    private readonly ulong _firstBit;

    // Where the image of the stubs would begin if those to use were those for bits. One sum with a constant is a register less than the image and a distance: with that the
    // loops of callers were slower even where nothing is checked.
    private readonly byte* _code;

    // The stubs for short copies of the same family.
    private readonly byte* _read;
    private readonly byte* _write;

    private CheckedPath(MemoryRegion region, ulong skip)
    {
        if (region.Translated is { } translated)
        {
            _readBitmap = (byte*)translated.Owner.Iotlb.Reads;
            _writeBitmap = (byte*)translated.Owner.Iotlb.Writes;
            _firstBit = (translated.Start + region.BackingOffset + skip) >> GuestAddress.PageShift;
            _code = GuardEntry.Code + StubCode.TranslatedDistance;
            _read = GuardEntry.Code + StubCode.TranslatedReadOffset;
            _write = GuardEntry.Code + StubCode.TranslatedWriteOffset;
            return;
        }

        _code = GuardEntry.Code;
        _read = GuardEntry.Code + StubCode.BitCheckedReadOffset;
        _write = GuardEntry.Code + StubCode.BitCheckedWriteOffset;
        _readBitmap = region.ReadBitmap;
        _writeBitmap = region.WriteBitmap;
        _firstBit = region.BitFor(skip);
    }

    /// <summary>Makes the path, or none where the stubs cannot do it: without restartable sequences, or where the start is not that of a page.</summary>
    internal static CheckedPath? TryCreate(MemoryRegion region, ulong skip) =>
        (region.HasBitmaps || region.Translated is not null)
        && region.FaultBehavior != FaultBehavior.MayBlock
        && ((region.BackingOffset + skip) & (GuestAddress.PageSize - 1)) == 0
        && Guard.SupportsRestartableSequences
            ? new CheckedPath(region, skip)
            : null;

    /// <summary>
    /// Reads an aligned value, which lies in one page, at an offset from where the path starts. Fails where the bit is clear, the page is missing, or the thread has no
    /// restartable sequences.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal GuardedResult Load<T>(byte* at, ulong offset)
        where T : unmanaged
    {
        // SAFETY: the caller has checked that the bytes are in the region; the stub recovers from faults; the bitmaps cover the region.
        return Guard.BitCheckedLoad<T>(at, _readBitmap, BitOf(offset), _code);
    }

    /// <summary>Writes an aligned value; see <see cref="Load"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal GuardedResult Store<T>(byte* at, ulong offset, T value)
        where T : unmanaged
    {
        // SAFETY: as for reading.
        return Guard.BitCheckedStore(at, value, _writeBitmap, BitOf(offset), _code);
    }

    /// <summary>Compares and exchanges an aligned value; see <see cref="Load"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal GuardedResult CompareExchange<T>(byte* at, ulong offset, T value, T comparand)
        where T : unmanaged
    {
        // SAFETY: as for reading.
        return Guard.BitCheckedCompareExchange(at, value, comparand, _writeBitmap, BitOf(offset), _code);
    }

    /// <summary>Copies 4 to 64 bytes out of one page. Fails as <see cref="Load"/> does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool ReadShort(ref byte destination, byte* from, ulong offset, nuint length)
    {
        // SAFETY: as for a value.
        return Guard.BitCheckedRead(ref destination, from, length, _readBitmap, BitOf(offset), _read).Ok;
    }

    /// <summary>Copies 4 to 64 bytes into one page; fails as <see cref="Load"/> does. Answers how many: some, where the bit was cleared in the midst of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal nuint WriteShort(byte* to, ref byte source, ulong offset, nuint length)
    {
        // SAFETY: as for a value.
        GuardedResult result = Guard.BitCheckedWrite(to, ref source, length, _writeBitmap, BitOf(offset), _write);
        return result.Ok ? length : result.Status == StubCode.StatusBitClear ? (nuint)result.Value : 0;
    }

    /// <summary>Copies bytes out of one page, under its bit and inside a section. Fails where the bit is clear or the page is missing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool ReadInSection(ref byte destination, byte* from, ulong offset, nuint length)
    {
        ulong bit = BitOf(offset);

        // SAFETY: the caller has checked that the bytes are in the region; the guard recovers from faults, in a page as a whole; the bitmaps cover the region. Nothing
        // here can throw: the section is left on the one way there is.
        RcuSlot* section = RcuReader.Enter();
        bool copied = TryReach(_readBitmap, bit, ref from) && Guard.CopyOut(ref destination, from, length).Ok && Counts(_readBitmap, bit);
        RcuReader.Exit(section);
        return copied;
    }

    /// <summary>Copies bytes into one page; see <see cref="ReadInSection"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool WriteInSection(byte* to, ref byte source, ulong offset, nuint length)
    {
        ulong bit = BitOf(offset);

        // SAFETY: as for reading.
        RcuSlot* section = RcuReader.Enter();
        bool copied = TryReach(_writeBitmap, bit, ref to) && Guard.CopyIn(to, ref source, length).Ok && Counts(_writeBitmap, bit);
        RcuReader.Exit(section);
        return copied;
    }

    /// <summary>
    /// Copies bytes out, a page at a time, each under its bit, as a short copy or inside a section of its own, so that a writer never waits for more than a page. Answers
    /// how many were copied: all of them, or those of the pages before the first whose bit is clear or which is missing.
    /// </summary>
    internal ulong CopyOut(byte* destination, byte* from, ulong offset, ulong length)
    {
        ulong done = 0;
        while (done < length)
        {
            ulong piece = Math.Min(length - done, PageMath.RestOfPage(offset + done));
            if (!(Guard.IsBitCheckedLength((nuint)piece)
                ? ReadShort(ref destination[done], from + done, offset + done, (nuint)piece)
                : ReadInSection(ref destination[done], from + done, offset + done, (nuint)piece)))
            {
                break;
            }

            done += piece;
            LetCollect(done);
        }

        return done;
    }

    /// <summary>Copies bytes in; see <see cref="CopyOut"/>.</summary>
    internal ulong CopyIn(byte* to, byte* source, ulong offset, ulong length)
    {
        ulong done = 0;
        while (done < length)
        {
            ulong piece = Math.Min(length - done, PageMath.RestOfPage(offset + done));
            ulong copied = Guard.IsBitCheckedLength((nuint)piece) ? WriteShort(to + done, ref source[done], offset + done, (nuint)piece)
                : WriteInSection(to + done, ref source[done], offset + done, (nuint)piece) ? piece
                : 0;
            done += copied;
            if (copied < piece)
            {
                break;
            }

            LetCollect(done);
        }

        return done;
    }

    /// <summary>Every so many pages, outside of a section.</summary>
    private static void LetCollect(ulong done)
    {
        if ((done >> GuestAddress.PageShift) % Guard.PagesAtOnce == Guard.PagesAtOnce - 1)
        {
            Guard.LetCollect();
        }
    }

    private bool IsOfBits => _code == GuardEntry.Code;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsSet(byte* bitmap, ulong bit) => (Volatile.Read(ref bitmap[bit >> 3]) & (1 << (int)(bit & 7))) != 0;

    /// <summary>Whether a page may be accessed; where its address is translated, finds where it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReach(byte* bitmap, ulong bit, ref byte* at) => IsOfBits ? IsSet(bitmap, bit) : Iotlb.TryTranslate((ulong*)bitmap, bit, ref at);

    /// <summary>
    /// Whether a copy counts. Where memory behind a translation is closed, or is to be tracked, nobody waits for sections: the translation is gone then, and the slow
    /// path does it again.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Counts(byte* bitmap, ulong bit) => IsOfBits || Iotlb.Has((ulong*)bitmap, bit);

    private ulong BitOf(ulong offset) => _firstBit + (offset >> GuestAddress.PageShift);
}
