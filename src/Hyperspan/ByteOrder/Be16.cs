using System.Buffers.Binary;
using System.Globalization;

namespace Hyperspan;

/// <summary>An unsigned integer of 16 bits that lies in memory in big-endian order, whatever the order of this machine.</summary>
/// <remarks>
/// Converts by itself from and to <see cref="ushort"/>. To be read and written as a value, <c>ushort x = memory.Read&lt;Be16&gt;(address)</c>, or to stand as a field in
/// a structure that a guest lays out.
/// </remarks>
public readonly record struct Be16
{
    private readonly ushort _stored;

    private Be16(ushort value) => _stored = Reorder(value);

    /// <summary>Gives the integer, in the order of this machine.</summary>
    /// <param name="value">What lies in memory.</param>
    public static implicit operator ushort(Be16 value) => Reorder(value._stored);

    /// <summary>Gives what is to lie in memory.</summary>
    /// <param name="value">The integer, in the order of this machine.</param>
    public static implicit operator Be16(ushort value) => new(value);

    /// <summary>Gives the integer as text, in decimal.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => ((ushort)this).ToString(CultureInfo.InvariantCulture);

    private static ushort Reorder(ushort value) => !BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);
}
