using System.Globalization;
using System.Text;

namespace Hyperspan;

/// <content>Memory as text.</content>
public sealed unsafe partial class GuestMemory
{
    private const int DumpWidth = 16;

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
        Span<byte> page = stackalloc byte[GuestAddress.PageSize];
        var line = new StringBuilder();
        ulong at = address.Value;
        for (ulong left = length; left > 0;)
        {
            Span<byte> piece = page[..(int)Math.Min(left, PageRemainder(at))];
            int got = ReadAvailable(at, piece, out GuestMemoryFault fault);
            for (int done = 0; done < got;)
            {
                int count = Math.Min(got - done, DumpWidth - (int)((at + (ulong)done) % DumpWidth));
                AppendDumpLine(line.Clear(), at + (ulong)done, piece.Slice(done, count));
                writer.WriteLine(line);
                done += count;
            }

            ulong passed = (ulong)got;
            if (fault.IsFault)
            {
                GuestMemoryFault next;
                do
                {
                    passed += Math.Min(left - passed, UnreadableLength(at + passed));
                }
                while (passed < left && !TryRead(at + passed, out byte _, out next) && (next.Kind, next.Cause) == (fault.Kind, fault.Cause));
                writer.WriteLine($"0x{at + (ulong)got:x16}  0x{passed - (ulong)got:x} bytes: {fault.Reason}");
            }

            at = unchecked(at + passed);
            left -= passed;
        }
    }

    /// <summary>How far it is from an address that cannot be read to where it is worth trying again: the next page, or the next region.</summary>
    private ulong UnreadableLength(ulong address)
    {
        if (Find(address) is not null)
        {
            return PageRemainder(address);
        }

        foreach (MemoryRegion region in Clipped)
        {
            if (region.Start > address)
            {
                return region.Start - address;
            }
        }

        return ulong.MaxValue;
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

    private static void AppendDumpLine(StringBuilder line, ulong at, ReadOnlySpan<byte> bytes)
    {
        int first = (int)(at % DumpWidth);
        line.Append($"0x{at - (uint)first:x16} ");
        for (int column = 0; column < DumpWidth; column++)
        {
            uint index = (uint)(column - first);
            line.Append(column % 8 == 0 ? " " : "");
            line.Append(index < (uint)bytes.Length ? $"{bytes[(int)index]:x2} " : "   ");
        }

        line.Append(" |").Append(' ', first);
        foreach (byte value in bytes)
        {
            line.Append(value is >= 0x20 and < 0x7f ? (char)value : '.');
        }

        line.Append('|');
    }
}
