using System.Globalization;
using Hyperspan.Translation;

namespace Hyperspan;

/// <summary>One contiguous part of a <see cref="GuestMemory"/>: where it lies in the guest and what of a backing it shows. Immutable.</summary>
/// <remarks>
/// A slice is a memory with clipped regions over the same backings: everything a backing does is forwarded at any depth, because there is no layer in between.
/// </remarks>
internal sealed unsafe class MemoryRegion
{
    private MemoryRegion(ulong start, ulong length, GuestMemoryBacking backing, byte* mapping, ulong backingOffset, Protection protection, bool leaveOpen)
    {
        Start = start;
        Length = length;
        Backing = backing;
        BackingOffset = backingOffset;
        Protection = protection;
        LeaveOpen = leaveOpen;
        CanRead = protection.CanRead;
        CanWrite = protection.CanWrite && backing.IsWritable;

        Base = mapping == null ? null : mapping + backingOffset;
        FaultBehavior = backing.FaultBehavior;
        HasHooks = backing.HasHooks;
        Translated = backing as TranslatedBacking;
        if (Base != null && backing.AccessBitmaps is { } bitmaps)
        {
            ulong last = backingOffset + (length - 1);
            if (last >> GuestAddress.PageShift >= bitmaps.PageCount)
            {
                throw Invalid(nameof(backing), $"the access bitmaps of the backing '{backing.Name}' are for 0x{bitmaps.PageCount:x} pages, and end before it does");
            }

            HasBitmaps = true;
            ReadBitmap = bitmaps.ReadBitmap;
            WriteBitmap = bitmaps.WriteBitmap;
            BitOffset = bitmaps.BitOffset;
        }
    }

    private MemoryRegion(MemoryRegion whole, ulong start, ulong skip, ulong length)
    {
        Start = start;
        Length = length;
        Backing = whole.Backing;
        BackingOffset = whole.BackingOffset + skip;
        Protection = whole.Protection;
        LeaveOpen = whole.LeaveOpen;
        CanRead = whole.CanRead;
        CanWrite = whole.CanWrite;
        Base = whole.Base == null ? null : whole.Base + skip;
        FaultBehavior = whole.FaultBehavior;
        HasHooks = whole.HasHooks;
        Translated = whole.Translated;
        HasBitmaps = whole.HasBitmaps;
        ReadBitmap = whole.ReadBitmap;
        WriteBitmap = whole.WriteBitmap;
        BitOffset = whole.BitOffset;
    }

    /// <summary>
    /// Makes the region that shows a part of a backing, or <see langword="null"/> where the part is empty. Every region that is not clipped from another is made here.
    /// </summary>
    /// <param name="start">The guest-physical address of the first byte.</param>
    /// <param name="backing">What stands behind the region. Its length and its mapping are asked for once, so that what is checked is what is used.</param>
    /// <param name="backingOffset">The first byte of the backing to show.</param>
    /// <param name="length">How many bytes to show; all from <paramref name="backingOffset"/> on where it is <see langword="null"/>.</param>
    /// <param name="protection">What accesses are permitted.</param>
    /// <param name="leaveOpen">Whether the backing stays open when the memory is disposed.</param>
    /// <exception cref="ArgumentException">
    /// The part is not in the backing, is misaligned or wraps past 2^64, or the backing's mapping or bitmaps cannot be used.
    /// </exception>
    internal static MemoryRegion? Create(ulong start, GuestMemoryBacking backing, ulong backingOffset, ulong? length, Protection protection, bool leaveOpen)
    {
        ArgumentNullException.ThrowIfNull(backing);
        ulong whole = backing.Length;
        byte* mapping = backing.Mapping;
        if (backingOffset % GuestAddress.PageSize != 0)
        {
            throw Invalid(nameof(backingOffset), $"backing offset 0x{backingOffset:x} is not a multiple of the page size");
        }

        if (backingOffset > whole || length > whole - backingOffset)
        {
            throw Invalid(nameof(length), $"0x{length ?? 0:x} bytes at offset 0x{backingOffset:x} are not in the backing '{backing.Name}' of 0x{whole:x} bytes");
        }

        if ((ulong)mapping % GuestAddress.PageSize != 0)
        {
            throw Invalid(nameof(backing), $"the mapping of the backing '{backing.Name}' is not page-aligned");
        }

        ulong size = length ?? (whole - backingOffset);
        if (size == 0)
        {
            return null;
        }

        if (mapping != null && (ulong)mapping + (whole - 1) < (ulong)mapping)
        {
            throw Invalid(nameof(backing), $"the mapping of the backing '{backing.Name}' reaches past 2^64");
        }

        if (start + (size - 1) < start)
        {
            throw Invalid(nameof(start), $"a region of 0x{size:x} bytes at 0x{start:x} reaches past 2^64");
        }

        return new MemoryRegion(start, size, backing, mapping, backingOffset, protection, leaveOpen);
    }

    /// <summary>The guest-physical address of the first byte.</summary>
    internal ulong Start { get; }

    /// <summary>The length in bytes.</summary>
    internal ulong Length { get; }

    /// <summary>The guest-physical address of the last byte.</summary>
    internal ulong Last => Start + (Length - 1);

    internal GuestMemoryBacking Backing { get; }

    /// <summary>Where in the backing the region starts, in bytes.</summary>
    internal ulong BackingOffset { get; }

    internal Protection Protection { get; }

    internal bool CanRead { get; }

    /// <summary>Whether the backing stays open when the memory is disposed.</summary>
    internal bool LeaveOpen { get; }

    internal bool CanWrite { get; }

    /// <summary>The host address of the first byte, or null where the backing has no mapping.</summary>
    internal byte* Base { get; }

    internal FaultBehavior FaultBehavior { get; }

    /// <summary>Whether the backing has to be asked for slices and told of exposed addresses. See <see cref="GuestMemoryBacking.HasHooks"/>.</summary>
    internal bool HasHooks { get; }

    /// <summary>What translates the addresses of the region, or null where it shows what stands behind it.</summary>
    internal TranslatedBacking? Translated { get; }

    /// <summary>What the inlined paths add offsets to: the mapping, or, where a table translates them, the I/O virtual address of the first byte.</summary>
    internal byte* Origin => Translated is { } translated ? (byte*)(translated.Start + BackingOffset) : Base;

    internal bool HasBitmaps { get; }

    internal byte* ReadBitmap { get; }

    internal byte* WriteBitmap { get; }

    /// <summary>The bit that stands for the backing's first page; not the region's.</summary>
    internal ulong BitOffset { get; }

    internal bool MayBlock => FaultBehavior == FaultBehavior.MayBlock;

    /// <summary>Whether plain loads and stores reach the memory: it has a mapping that cannot fault and no page is restricted.</summary>
    internal bool IsDirect => Base != null && FaultBehavior == FaultBehavior.Never && !HasBitmaps;

    /// <summary>Whether guarded loads and stores may be inlined into the caller: mapped, unrestricted, never blocking.</summary>
    internal bool IsGuardedInline => Base != null && FaultBehavior == FaultBehavior.MayFault && !HasBitmaps;

    /// <summary>Whether the region may be accessed so, whatever its pages permit.</summary>
    internal bool Permits(AccessType access, ulong offset, out RegionFault fault)
    {
        bool permitted = access == AccessType.Read ? CanRead : CanWrite;
        GuestMemoryFaultKind kind = access == AccessType.Write ? GuestMemoryFaultKind.ReadOnly : GuestMemoryFaultKind.Restricted;
        fault = permitted ? default : new RegionFault(kind, FaultCause.Check, offset);
        return permitted;
    }

    /// <summary>The bytes from an address in the region to its end.</summary>
    internal ulong LengthFrom(ulong address) => Length - (address - Start);

    /// <summary>Whether a range that begins in the region ends in it.</summary>
    internal bool Holds(ulong address, ulong length) => length <= LengthFrom(address);

    /// <summary>
    /// Whether the value at an address in the region is accessed as one: not where it ends in another region, nor, where pages are translated one by one, where it
    /// might end in another page.
    /// </summary>
    internal bool HoldsValue(ulong address, ulong size) => Translated is null ? Holds(address, size) : Holds(address, size) && (InBacking(address) & (size - 1)) == 0;

    /// <summary>The place in the backing of an address in the region.</summary>
    internal ulong InBacking(ulong address) => BackingOffset + (address - Start);

    /// <summary>The host address of an address in the region, which has a mapping.</summary>
    internal byte* At(ulong address) => Base + (address - Start);

    /// <summary>The bitmap for the access and the bit in it that stands for the page at an offset in the region.</summary>
    internal byte* BitmapFor(AccessType access) => access == AccessType.Read ? ReadBitmap : WriteBitmap;

    internal ulong BitFor(ulong offset) => BitOffset + ((BackingOffset + offset) >> GuestAddress.PageShift);

    /// <summary>The part of this region inside a window of the memory, at the address it has in that window.</summary>
    internal MemoryRegion Clip(ulong windowStart, ulong windowLength)
    {
        ulong skip = windowStart > Start ? windowStart - Start : 0;
        ulong start = Start + skip - windowStart;
        ulong length = Math.Min(Length - skip, windowLength - start);
        return new MemoryRegion(this, start, skip, length);
    }

    /// <summary>The part of a range of at least one byte that lies in the region.</summary>
    internal bool TryClip(ulong start, ulong length, out ulong clippedStart, out ulong clippedLength)
    {
        clippedStart = Math.Max(Start, start);
        ulong last = Math.Min(Last, start + (length - 1));
        clippedLength = last - clippedStart + 1;
        return clippedStart <= last;
    }

    private static ArgumentException Invalid(string parameter, FormattableString message) =>
        new(message.ToString(CultureInfo.InvariantCulture), parameter);
}
