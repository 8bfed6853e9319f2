using System.Numerics;

namespace Hyperspan;

public readonly partial struct GuestAddress :
    IComparisonOperators<GuestAddress, GuestAddress, bool>,
    IAdditionOperators<GuestAddress, ulong, GuestAddress>,
    IAdditionOperators<GuestAddress, long, GuestAddress>,
    ISubtractionOperators<GuestAddress, ulong, GuestAddress>,
    ISubtractionOperators<GuestAddress, long, GuestAddress>,
    ISubtractionOperators<GuestAddress, GuestAddress, ulong>,
    IMinMaxValue<GuestAddress>
{
    /// <inheritdoc/>
    static GuestAddress IMinMaxValue<GuestAddress>.MinValue => Zero;

    /// <summary>Takes a number as an address.</summary>
    /// <param name="value">The offset in bytes from the start of the guest-physical address space.</param>
    public static implicit operator GuestAddress(ulong value) => new(value);

    /// <summary>Gives the value of an address.</summary>
    /// <param name="address">The address.</param>
    public static explicit operator ulong(GuestAddress address) => address.Value;

    /// <summary>Advances an address.</summary>
    /// <param name="address">The address to start from.</param>
    /// <param name="offset">The number of bytes to add.</param>
    /// <returns>The sum.</returns>
    /// <exception cref="OverflowException">The sum would be above <see cref="MaxValue"/>.</exception>
    public static GuestAddress operator +(GuestAddress address, ulong offset) => new(checked(address.Value + offset));

    /// <summary>Moves an address back.</summary>
    /// <param name="address">The address to start from.</param>
    /// <param name="offset">The number of bytes to subtract.</param>
    /// <returns>The difference.</returns>
    /// <exception cref="OverflowException">The result would be below zero.</exception>
    public static GuestAddress operator -(GuestAddress address, ulong offset) => new(checked(address.Value - offset));

    /// <summary>Moves an address by a distance that may be negative.</summary>
    /// <param name="address">The address to start from.</param>
    /// <param name="offset">The number of bytes to add; below zero, to move back.</param>
    /// <returns>The sum.</returns>
    /// <exception cref="OverflowException">The sum would be below zero or above <see cref="MaxValue"/>.</exception>
    public static GuestAddress operator +(GuestAddress address, long offset) =>
        offset >= 0 ? address + (ulong)offset : address - unchecked(0 - (ulong)offset);

    /// <summary>Moves an address back by a distance that may be negative.</summary>
    /// <param name="address">The address to start from.</param>
    /// <param name="offset">The number of bytes to subtract; below zero, to advance.</param>
    /// <returns>The difference.</returns>
    /// <exception cref="OverflowException">The result would be below zero or above <see cref="MaxValue"/>.</exception>
    public static GuestAddress operator -(GuestAddress address, long offset) =>
        offset >= 0 ? address - (ulong)offset : address + unchecked(0 - (ulong)offset);

    /// <summary>Gives the distance from one address up to another.</summary>
    /// <param name="left">The higher address.</param>
    /// <param name="right">The lower address.</param>
    /// <returns>The distance in bytes.</returns>
    /// <exception cref="OverflowException"><paramref name="left"/> is below <paramref name="right"/>.</exception>
    public static ulong operator -(GuestAddress left, GuestAddress right) => checked(left.Value - right.Value);

    /// <summary>Tells whether two addresses are equal.</summary>
    /// <param name="left">One address.</param>
    /// <param name="right">The other address.</param>
    public static bool operator ==(GuestAddress left, GuestAddress right) => left.Value == right.Value;

    /// <summary>Tells whether two addresses differ.</summary>
    /// <param name="left">One address.</param>
    /// <param name="right">The other address.</param>
    public static bool operator !=(GuestAddress left, GuestAddress right) => left.Value != right.Value;

    /// <summary>Tells whether an address is below another.</summary>
    /// <param name="left">One address.</param>
    /// <param name="right">The other address.</param>
    public static bool operator <(GuestAddress left, GuestAddress right) => left.Value < right.Value;

    /// <summary>Tells whether an address is above another.</summary>
    /// <param name="left">One address.</param>
    /// <param name="right">The other address.</param>
    public static bool operator >(GuestAddress left, GuestAddress right) => left.Value > right.Value;

    /// <summary>Tells whether an address is not above another.</summary>
    /// <param name="left">One address.</param>
    /// <param name="right">The other address.</param>
    public static bool operator <=(GuestAddress left, GuestAddress right) => left.Value <= right.Value;

    /// <summary>Tells whether an address is not below another.</summary>
    /// <param name="left">One address.</param>
    /// <param name="right">The other address.</param>
    public static bool operator >=(GuestAddress left, GuestAddress right) => left.Value >= right.Value;
}
