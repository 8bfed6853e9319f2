using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>
/// A half-open range of guest-physical addresses: from <see cref="Start"/> up to, and not including, <see cref="End"/>.
/// </summary>
/// <remarks>
/// <para>A range never overflows: <see cref="Start"/> plus <see cref="Length"/> is at most 2^64. A range that has the last byte, 2^64 - 1, ends where no address is:
/// its <see cref="End"/> is zero. <see cref="Last"/> says where any range ends, and the relations here go by it.</para>
/// <para>An empty range has a place and no bytes: it contains nothing, nothing contains it, it overlaps and touches nothing. The
/// default value is the empty range at zero.</para>
/// <para>Printed as <c>0x1000-0x2000</c>, the end exclusive, be it 2^64; in JSON <c>{"base":4096,"size":4096}</c>. Immutable, so safe to use
/// from any thread.</para>
/// </remarks>
[JsonConverter(typeof(GuestRangeJsonConverter))]
public readonly partial struct GuestRange : IEquatable<GuestRange>
{
    /// <summary>Creates a range from its first address and its length.</summary>
    /// <param name="start">The first address of the range.</param>
    /// <param name="length">The length in bytes; zero gives an empty range.</param>
    /// <exception cref="ArgumentException"><paramref name="start"/> plus <paramref name="length"/> is above 2^64.</exception>
    public GuestRange(GuestAddress start, ulong length)
    {
        if (!Fits(start, length))
        {
            AddressingThrow.RangeOverflow(start, length);
        }

        Start = start;
        Length = length;
    }

    /// <summary>The first address of the range.</summary>
    public GuestAddress Start { get; }

    /// <summary>The length in bytes.</summary>
    public ulong Length { get; }

    /// <summary>The first address past the range; zero where that is 2^64, which an empty range's is not.</summary>
    public GuestAddress End
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)] // Part of most relations; the JIT alone does not always inline it.
        get => new(unchecked(Start.Value + Length));
    }

    /// <summary>The last address in the range, or <see langword="null"/> for an empty one.</summary>
    public GuestAddress? Last => IsEmpty ? null : new(Start.Value + (Length - 1));

    /// <summary>Whether the range has no bytes.</summary>
    public bool IsEmpty => Length == 0;

    /// <summary>The number of the 4 KiB page in which the range starts.</summary>
    public ulong FirstPageNumber => Start.PageNumber;

    /// <summary>The number of 4 KiB pages of which the range has at least one byte; zero for an empty range.</summary>
    public ulong PageCount => Last is { } last ? last.PageNumber - FirstPageNumber + 1 : 0;

    /// <summary>Creates a range from its first address and its length, without throwing.</summary>
    /// <param name="start">The first address of the range.</param>
    /// <param name="length">The length in bytes; zero gives an empty range.</param>
    /// <param name="range">The range; empty at zero on failure.</param>
    /// <returns><see langword="false"/> if <paramref name="start"/> plus <paramref name="length"/> is above 2^64.</returns>
    public static bool TryCreate(GuestAddress start, ulong length, out GuestRange range)
    {
        if (!Fits(start, length))
        {
            range = default;
            return false;
        }

        range = new(start, length);
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
    // One compare instead of two: an address below the start wraps to a distance that no length reaches.
    public bool Contains(GuestAddress address) => unchecked(address.Value - Start.Value) < Length;

    /// <summary>Tells whether every byte of another range lies in this one.</summary>
    /// <param name="other">The other range.</param>
    /// <returns><see langword="true"/> if so; always <see langword="false"/> if either is empty.</returns>
    public bool Contains(GuestRange other) => !other.IsEmpty && Contains(other.Start) && other.Length <= Length - (other.Start.Value - Start.Value);

    /// <summary>Tells whether the ranges have a byte in common.</summary>
    /// <param name="other">The other range.</param>
    /// <returns><see langword="true"/> if so; always <see langword="false"/> if either is empty.</returns>
    public bool Overlaps(GuestRange other) => !IsEmpty && !other.IsEmpty && (Contains(other.Start) || other.Contains(Start));

    /// <summary>Tells whether one range starts where the other ends, with neither a gap nor a byte in common.</summary>
    /// <param name="other">The other range.</param>
    /// <returns><see langword="true"/> if so; always <see langword="false"/> if either is empty.</returns>
    public bool Touches(GuestRange other) => !IsEmpty && !other.IsEmpty
        && (Start < other.Start ? other.Start.Value - Start.Value == Length : Start.Value - other.Start.Value == other.Length);

    /// <summary>Gives the bytes that the ranges have in common.</summary>
    /// <param name="other">The other range.</param>
    /// <returns>The range, or the default one, which is empty, if they do not overlap.</returns>
    public GuestRange Intersect(GuestRange other)
    {
        if (!Overlaps(other))
        {
            return default;
        }

        ulong start = Math.Max(Start.Value, other.Start.Value);
        return new GuestRange(start, Math.Min(Length - (start - Start.Value), other.Length - (start - other.Start.Value)));
    }

    /// <summary>Takes the range apart.</summary>
    /// <param name="start">The first address of the range.</param>
    /// <param name="length">The length in bytes.</param>
    public void Deconstruct(out GuestAddress start, out ulong length)
    {
        start = Start;
        length = Length;
    }

    /// <summary>Tells whether start and length are equal; empty ranges at different places differ.</summary>
    /// <param name="other">The other range.</param>
    /// <returns><see langword="true"/> if they are.</returns>
    public bool Equals(GuestRange other) => Start == other.Start && Length == other.Length;

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is GuestRange other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Start, Length);

    /// <summary>Tells whether two ranges have the same start and length.</summary>
    /// <param name="left">One range.</param>
    /// <param name="right">The other range.</param>
    public static bool operator ==(GuestRange left, GuestRange right) => left.Equals(right);

    /// <summary>Tells whether two ranges differ in start or length.</summary>
    /// <param name="left">One range.</param>
    /// <param name="right">The other range.</param>
    public static bool operator !=(GuestRange left, GuestRange right) => !left.Equals(right);

    private static bool Fits(GuestAddress start, ulong length) => length == 0 || length - 1 <= ulong.MaxValue - start.Value;
}
