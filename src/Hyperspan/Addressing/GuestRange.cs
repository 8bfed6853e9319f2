using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>
/// A half-open range of guest-physical addresses: from <see cref="Base"/> up to, and not including, <see cref="End"/>.
/// </summary>
/// <remarks>
/// <para>A range never overflows: <see cref="Base"/> plus <see cref="Size"/> is at most 2^64. A range that has the last byte, 2^64 - 1, ends where no address is:
/// its <see cref="End"/> is zero. <see cref="Last"/> says where any range ends, and the relations here go by it.</para>
/// <para>An empty range has a place and no bytes: it contains nothing, nothing contains it, it overlaps and touches nothing. The
/// default value is the empty range at zero.</para>
/// <para>Printed as <c>0x1000-0x2000</c>, the end exclusive, be it 2^64; in JSON <c>{"base":4096,"size":4096}</c>. Immutable, so safe to use
/// from any thread.</para>
/// </remarks>
[JsonConverter(typeof(GuestRangeJsonConverter))]
public readonly partial struct GuestRange : IEquatable<GuestRange>
{
    /// <summary>Creates a range from its first address and its size.</summary>
    /// <param name="base">The first address of the range.</param>
    /// <param name="size">The size in bytes; zero gives an empty range.</param>
    /// <exception cref="ArgumentException"><paramref name="base"/> plus <paramref name="size"/> is above 2^64.</exception>
    public GuestRange(GuestAddress @base, ulong size)
    {
        if (!Fits(@base, size))
        {
            AddressingThrow.RangeOverflow(@base, size);
        }

        Base = @base;
        Size = size;
    }

    /// <summary>The first address of the range.</summary>
    public GuestAddress Base { get; }

    /// <summary>The size in bytes.</summary>
    public ulong Size { get; }

    /// <summary>The first address past the range; zero where that is 2^64, which an empty range's is not.</summary>
    public GuestAddress End
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)] // Part of most relations; the JIT alone does not always inline it.
        get => new(unchecked(Base.Value + Size));
    }

    /// <summary>The last address in the range, or <see langword="null"/> for an empty one.</summary>
    public GuestAddress? Last => IsEmpty ? null : new(Base.Value + (Size - 1));

    /// <summary>Whether the range has no bytes.</summary>
    public bool IsEmpty => Size == 0;

    /// <summary>The number of the 4 KiB page in which the range starts.</summary>
    public ulong FirstPageNumber => Base.PageNumber;

    /// <summary>The number of 4 KiB pages of which the range has at least one byte; zero for an empty range.</summary>
    public ulong PageCount => Last is { } last ? last.PageNumber - FirstPageNumber + 1 : 0;

    /// <summary>Creates a range from its first address and its size, without throwing.</summary>
    /// <param name="base">The first address of the range.</param>
    /// <param name="size">The size in bytes; zero gives an empty range.</param>
    /// <param name="range">The range; empty at zero on failure.</param>
    /// <returns><see langword="false"/> if <paramref name="base"/> plus <paramref name="size"/> is above 2^64.</returns>
    public static bool TryCreate(GuestAddress @base, ulong size, out GuestRange range)
    {
        if (!Fits(@base, size))
        {
            range = default;
            return false;
        }

        range = new(@base, size);
        return true;
    }

    /// <summary>Creates a range from its bounds.</summary>
    /// <param name="start">The first address of the range.</param>
    /// <param name="endExclusive">The first address past the range; equal to <paramref name="start"/> for an empty range.</param>
    /// <returns>The range.</returns>
    /// <exception cref="ArgumentException"><paramref name="endExclusive"/> is below <paramref name="start"/>.</exception>
    public static GuestRange FromBounds(GuestAddress start, GuestAddress endExclusive)
    {
        if (endExclusive < start)
        {
            AddressingThrow.ReversedBounds(start, endExclusive);
        }

        return new(start, endExclusive.Value - start.Value);
    }

    /// <summary>Tells whether an address lies in the range.</summary>
    /// <param name="address">The address.</param>
    /// <returns><see langword="true"/> if it does; <see cref="End"/> does not.</returns>
    // One compare instead of two: an address below the base wraps to a distance that no size reaches.
    public bool Contains(GuestAddress address) => unchecked(address.Value - Base.Value) < Size;

    /// <summary>Tells whether every byte of another range lies in this one.</summary>
    /// <param name="other">The other range.</param>
    /// <returns><see langword="true"/> if so; always <see langword="false"/> if either is empty.</returns>
    public bool Contains(GuestRange other) => !other.IsEmpty && Contains(other.Base) && other.Size <= Size - (other.Base.Value - Base.Value);

    /// <summary>Tells whether the ranges have a byte in common.</summary>
    /// <param name="other">The other range.</param>
    /// <returns><see langword="true"/> if so; always <see langword="false"/> if either is empty.</returns>
    public bool Overlaps(GuestRange other) => !IsEmpty && !other.IsEmpty && (Contains(other.Base) || other.Contains(Base));

    /// <summary>Tells whether one range starts where the other ends, with neither a gap nor a byte in common.</summary>
    /// <param name="other">The other range.</param>
    /// <returns><see langword="true"/> if so; always <see langword="false"/> if either is empty.</returns>
    public bool Touches(GuestRange other) => !IsEmpty && !other.IsEmpty
        && (Base < other.Base ? other.Base.Value - Base.Value == Size : Base.Value - other.Base.Value == other.Size);

    /// <summary>Gives the bytes that the ranges have in common.</summary>
    /// <param name="other">The other range.</param>
    /// <returns>A range that is not empty, or <see langword="null"/> if the ranges do not overlap.</returns>
    public GuestRange? Intersect(GuestRange other)
    {
        if (!Overlaps(other))
        {
            return null;
        }

        ulong start = Math.Max(Base.Value, other.Base.Value);
        return new GuestRange(start, Math.Min(Size - (start - Base.Value), other.Size - (start - other.Base.Value)));
    }

    /// <summary>Takes the range apart.</summary>
    /// <param name="base">The first address of the range.</param>
    /// <param name="size">The size in bytes.</param>
    public void Deconstruct(out GuestAddress @base, out ulong size)
    {
        @base = Base;
        size = Size;
    }

    /// <summary>Tells whether base and size are equal; empty ranges at different places differ.</summary>
    /// <param name="other">The other range.</param>
    /// <returns><see langword="true"/> if they are.</returns>
    public bool Equals(GuestRange other) => Base == other.Base && Size == other.Size;

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is GuestRange other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Base, Size);

    /// <summary>Tells whether two ranges have the same base and size.</summary>
    /// <param name="left">One range.</param>
    /// <param name="right">The other range.</param>
    public static bool operator ==(GuestRange left, GuestRange right) => left.Equals(right);

    /// <summary>Tells whether two ranges differ in base or size.</summary>
    /// <param name="left">One range.</param>
    /// <param name="right">The other range.</param>
    public static bool operator !=(GuestRange left, GuestRange right) => !left.Equals(right);

    private static bool Fits(GuestAddress @base, ulong size) => size == 0 || size - 1 <= ulong.MaxValue - @base.Value;
}
