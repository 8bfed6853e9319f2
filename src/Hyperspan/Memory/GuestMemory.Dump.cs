using System.Globalization;

namespace Hyperspan;

/// <content>Memory as text.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Writes a range as lines of addresses, bytes and characters, 16 bytes a line. What cannot be read is a line that says why.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="writer">What to write to. What it throws reaches the caller.</param>
    /// <remarks>
    /// A line is <c>0x0000000000001000 48 65 6c 6c 6f 00 00 00 00 00 00 00 00 00 00 00 |Hello...........|</c>. Pages are read one after the other, so what others write
    /// meanwhile may be shown in part.
    /// </remarks>
    public void Dump(GuestAddress address, ulong length, TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        HexDump.Write(this, address.Value, length, writer);
    }

    /// <summary>Says what this is: <c>guest memory 'ram': 0x0-0xa0000 rwx, 0x100000-0x200000 r-x</c>, or that it has been disposed.</summary>
    /// <returns>The text, with the first regions of many.</returns>
    public override string ToString()
    {
        const int Most = 8;
        if (IsDisposed)
        {
            return $"guest memory '{Name}': disposed";
        }

        IReadOnlyList<GuestMemoryRegion> regions = Regions;
        string shown = regions.Count == 0 ? "empty" : string.Join(", ", regions.Take(Most).Select(region => $"{region.Range} {region.Protection}"));
        return $"guest memory '{Name}': {shown}{(regions.Count > Most ? string.Create(CultureInfo.InvariantCulture, $" and {regions.Count - Most} more") : "")}";
    }
}
