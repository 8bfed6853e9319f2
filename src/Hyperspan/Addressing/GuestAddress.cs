using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;

namespace Hyperspan;

/// <summary>
/// A guest-physical address: a byte offset into the address space that a guest sees. A type of its own, so that it cannot be
/// mistaken for a pointer of the host or for a length.
/// </summary>
/// <remarks>
/// <para>Any 64-bit value is an address. Arithmetic never wraps: the operators throw <see cref="OverflowException"/> in checked
/// and unchecked code alike; <see cref="TryAdd"/> and <see cref="SaturatingAdd"/> do not throw.</para>
/// <para>Printed as <c>0x</c> and 16 hexadecimal digits; in JSON a number. Immutable, so safe to use from any thread.</para>
/// </remarks>
[JsonConverter(typeof(GuestAddressJsonConverter))]
public readonly partial struct GuestAddress : IEquatable<GuestAddress>, IComparable<GuestAddress>, IComparable
{
    /// <summary>The base-2 logarithm of <see cref="PageSize"/>.</summary>
    public const int PageShift = 12;

    /// <summary>The size of a guest page in bytes; the unit of <see cref="PageNumber"/>.</summary>
    public const int PageSize = 1 << PageShift;

    /// <summary>Creates the address with the given value.</summary>
    /// <param name="value">The offset in bytes from the start of the guest-physical address space.</param>
    public GuestAddress(ulong value) => Value = value;

    /// <summary>Address zero, which is also the default value.</summary>
    public static GuestAddress Zero => default;

    /// <summary>The highest address, 2^64 - 1.</summary>
    public static GuestAddress MaxValue => new(ulong.MaxValue);

    /// <summary>The offset in bytes from the start of the guest-physical address space.</summary>
    public ulong Value { get; }

    /// <summary>The number of the 4 KiB page that the address lies in.</summary>
    public ulong PageNumber => Value >> PageShift;

    /// <summary>The offset in bytes within that page, 0 to 4095.</summary>
    public uint PageOffset => (uint)Value & (PageSize - 1);

    /// <summary>Gives the first address of a page.</summary>
    /// <param name="gpn">The guest page number, at most 2^52 - 1.</param>
    /// <returns>The address of the first byte of the page.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The page starts beyond the last 64-bit address.</exception>
    public static GuestAddress FromPageNumber(ulong gpn)
    {
        if (!TryFromPageNumber(gpn, out GuestAddress address))
        {
            AddressingThrow.InvalidPageNumber(gpn);
        }

        return address;
    }

    /// <summary>Gives the first address of a page, if there is such a page.</summary>
    /// <param name="gpn">The guest page number.</param>
    /// <param name="address">The address of the first byte of the page; <see cref="Zero"/> on failure.</param>
    /// <returns><see langword="false"/> if the page starts beyond the last 64-bit address.</returns>
    public static bool TryFromPageNumber(ulong gpn, out GuestAddress address)
    {
        bool valid = gpn <= ulong.MaxValue >> PageShift;
        address = new(valid ? gpn << PageShift : 0);
        return valid;
    }

    /// <summary>Rounds down to a multiple of <paramref name="alignment"/>.</summary>
    /// <param name="alignment">The alignment in bytes, a power of two.</param>
    /// <returns>The highest aligned address that is not above this one.</returns>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two; zero is none.</exception>
    public GuestAddress AlignDown(ulong alignment) => new(Value & ~AlignmentMask(alignment));

    /// <summary>Rounds up to a multiple of <paramref name="alignment"/>.</summary>
    /// <param name="alignment">The alignment in bytes, a power of two.</param>
    /// <returns>The lowest aligned address that is not below this one.</returns>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two; zero is none.</exception>
    /// <exception cref="OverflowException">The result would be above <see cref="MaxValue"/>.</exception>
    public GuestAddress AlignUp(ulong alignment)
    {
        ulong mask = AlignmentMask(alignment);
        return new(checked(Value + mask) & ~mask);
    }

    /// <summary>Tells whether the address is a multiple of <paramref name="alignment"/>.</summary>
    /// <param name="alignment">The alignment in bytes, a power of two.</param>
    /// <returns><see langword="true"/> if it is.</returns>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two; zero is none.</exception>
    public bool IsAligned(ulong alignment) => (Value & AlignmentMask(alignment)) == 0;

    /// <summary>Advances by a number of bytes and stops at <see cref="MaxValue"/>.</summary>
    /// <param name="offset">The number of bytes to add.</param>
    /// <returns>The sum, or <see cref="MaxValue"/> where the sum would be above it.</returns>
    public GuestAddress SaturatingAdd(ulong offset)
    {
        ulong value = unchecked(Value + offset);
        return new(value >= offset ? value : ulong.MaxValue);
    }

    /// <summary>Advances by a number of bytes, if the sum is still an address.</summary>
    /// <param name="offset">The number of bytes to add.</param>
    /// <param name="sum">The sum; <see cref="Zero"/> on failure.</param>
    /// <returns><see langword="false"/> if the sum would be above <see cref="MaxValue"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Part of every bounds check; the JIT alone does not inline it.
    public bool TryAdd(ulong offset, out GuestAddress sum)
    {
        ulong value = unchecked(Value + offset);
        bool fits = value >= offset;
        sum = new(fits ? value : 0);
        return fits;
    }

    /// <inheritdoc/>
    public bool Equals(GuestAddress other) => Value == other.Value;

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is GuestAddress other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetHashCode();

    /// <inheritdoc/>
    public int CompareTo(GuestAddress other) => Value.CompareTo(other.Value);

    /// <summary>Compares with another address; <see langword="null"/> comes before every address.</summary>
    /// <param name="obj">A <see cref="GuestAddress"/> or <see langword="null"/>.</param>
    /// <returns>Below zero, zero or above zero, as this address is below, equal to or above <paramref name="obj"/>.</returns>
    /// <exception cref="ArgumentException"><paramref name="obj"/> is something else.</exception>
    public int CompareTo(object? obj) => obj switch
    {
        null => 1,
        GuestAddress other => CompareTo(other),
        _ => throw new ArgumentException($"A guest address cannot be compared with a {obj.GetType()}.", nameof(obj)),
    };

    // Inlined into its callers, where a constant alignment makes the check disappear.
    private static ulong AlignmentMask(ulong alignment)
    {
        if (!BitOperations.IsPow2(alignment))
        {
            AddressingThrow.NotAPowerOfTwo(alignment);
        }

        return alignment - 1;
    }
}
