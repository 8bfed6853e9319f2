using System.Globalization;

namespace Hyperspan.Devices;

/// <summary>A registered doorbell.</summary>
internal sealed class Doorbell(ulong address, ulong? value, uint? length, DoorbellEvent target)
{
    internal ulong Address => address;

    internal DoorbellEvent Event => target;

    /// <summary>Whether a write at the address rings.</summary>
    internal bool Matches(ulong written, int writtenLength) =>
        (length is null || length == (uint)writtenLength) && (value is null || value == written);

    /// <summary>Whether there are writes at the address that both would take.</summary>
    internal bool Collides(Doorbell other) =>
        (length is null || other.Length is null || length == other.Length) && (value is null || other.Value is null || value == other.Value);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"doorbell at 0x{address:x} (value {(value is { } v ? $"0x{v:x}" : "any")}, length {length?.ToString(CultureInfo.InvariantCulture) ?? "any"})");

    private ulong? Value => value;

    private uint? Length => length;
}
