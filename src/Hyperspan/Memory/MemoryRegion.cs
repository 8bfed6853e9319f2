namespace Hyperspan;

/// <summary>One contiguous part of a <see cref="GuestMemory"/>: where it lies in the guest and what of a backing it shows. Immutable.</summary>
/// <remarks>
/// A subrange is a memory with clipped regions over the same backings: everything a backing does is forwarded at any depth, because there is no layer in between.
/// </remarks>
internal sealed unsafe class MemoryRegion
{
    internal MemoryRegion(ulong start, ulong length, GuestMemoryBacking backing, ulong backingOffset, Protection protection)
    {
        Start = start;
        Length = length;
        Backing = backing;
        BackingOffset = backingOffset;
        Protection = protection;
        CanRead = protection.CanRead;
        CanWrite = protection.CanWrite && backing.IsWritable;

        byte* mapping = backing.Mapping;
        Base = mapping == null ? null : mapping + backingOffset;
        FaultBehavior = backing.FaultBehavior;
        MakesSubranges = backing.MakesSubranges;
        if (Base != null && backing.AccessBitmaps is { } bitmaps)
        {
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
        CanRead = whole.CanRead;
        CanWrite = whole.CanWrite;
        Base = whole.Base == null ? null : whole.Base + skip;
        FaultBehavior = whole.FaultBehavior;
        MakesSubranges = whole.MakesSubranges;
        HasBitmaps = whole.HasBitmaps;
        ReadBitmap = whole.ReadBitmap;
        WriteBitmap = whole.WriteBitmap;
        BitOffset = whole.BitOffset;
    }

    /// <summary>The guest-physical address of the first byte.</summary>
    internal ulong Start { get; }

    /// <summary>The length in bytes.</summary>
    internal ulong Length { get; }

    internal GuestMemoryBacking Backing { get; }

    /// <summary>Where in the backing the region starts, in bytes.</summary>
    internal ulong BackingOffset { get; }

    internal Protection Protection { get; }

    internal bool CanRead { get; }

    internal bool CanWrite { get; }

    /// <summary>The host address of the first byte, or null where the backing has no mapping.</summary>
    internal byte* Base { get; }

    internal FaultBehavior FaultBehavior { get; }

    /// <summary>Whether the backing has to be asked for subranges, because it might make them itself. See <see cref="GuestMemoryBacking.MakesSubranges"/>.</summary>
    internal bool MakesSubranges { get; }

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

    internal bool Permits(AccessType access) => access == AccessType.Read ? CanRead : CanWrite;

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
}
