using System.Globalization;

namespace Hyperspan.Translation;

/// <summary>Where a range of I/O virtual addresses lies in guest-physical memory, and what may be done there.</summary>
public readonly record struct AddressTranslation
{
    /// <summary>Initializes a new instance of the <see cref="AddressTranslation"/> struct.</summary>
    /// <param name="address">The first I/O virtual address; a multiple of 4096.</param>
    /// <param name="target">The guest-physical address of its first byte; a multiple of 4096.</param>
    /// <param name="length">The length in bytes; a multiple of 4096, not zero.</param>
    /// <param name="protection">Whether it may be read and written. <see cref="Protection.CanExecute"/> is not looked at.</param>
    public AddressTranslation(ulong address, GuestAddress target, ulong length, Protection protection)
    {
        Address = address;
        Target = target;
        Length = length;
        Protection = protection;
    }

    /// <summary>Gets the first I/O virtual address; a multiple of 4096.</summary>
    public ulong Address { get; }

    /// <summary>Gets the guest-physical address of its first byte; a multiple of 4096.</summary>
    public GuestAddress Target { get; }

    /// <summary>Gets the length in bytes; a multiple of 4096, not zero.</summary>
    public ulong Length { get; }

    /// <summary>Gets whether it may be read and written. <see cref="Protection.CanExecute"/> is not looked at.</summary>
    public Protection Protection { get; }

    /// <summary>Says from where to where: <c>0x1000-0x3000 at 0x7f000, rw-</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"0x{Address:x}-0x{(UInt128)Address + Length:x} at 0x{Target.Value:x}, {Protection}");

    /// <summary>Whether this is what a translator may say of an address.</summary>
    internal bool IsValidFor(ulong address) =>
        ((Address | Target.Value | Length) & (GuestAddress.PageSize - 1)) == 0
        && address >= Address
        && address - Address < Length
        && unchecked(Address + (Length - 1)) >= Address
        && unchecked(Target.Value + (Length - 1)) >= Target.Value;

    internal bool Permits(AccessType access) => access == AccessType.Write ? Protection.CanWrite : Protection.CanRead;
}
