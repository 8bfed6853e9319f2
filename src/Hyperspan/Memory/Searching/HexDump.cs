using System.Text;

namespace Hyperspan;

/// <summary>A range of memory as lines of addresses, bytes and characters.</summary>
internal static class HexDump
{
    private const int Width = 16;

    internal static void Write(GuestMemory memory, ulong address, ulong length, TextWriter writer)
    {
        Span<byte> page = stackalloc byte[GuestAddress.PageSize];
        var line = new StringBuilder();
        ulong at = address;
        ulong past = address == 0 ? 0 : length - Math.Min(length, unchecked(0 - address));
        for (ulong left = length - past; left > 0;)
        {
            Span<byte> piece = page[..(int)Math.Min(left, memory.RestOfPage(at))];
            int got = memory.ReadAvailable(at, piece, out GuestMemoryFault fault);
            for (int done = 0; done < got;)
            {
                int count = Math.Min(got - done, Width - (int)((at + (ulong)done) % Width));
                AppendLine(line.Clear(), at + (ulong)done, piece.Slice(done, count));
                writer.WriteLine(line);
                done += count;
            }

            ulong passed = (ulong)got;
            if (fault.IsFault)
            {
                GuestMemoryFault next;
                do
                {
                    passed += Math.Min(left - passed, UnreadableLength(memory, at + passed));
                }
                while (passed < left && !memory.TryRead(at + passed, out byte _, out next) && (next.Kind, next.Cause) == (fault.Kind, fault.Cause));
                ulong missing = passed - (ulong)got;
                if (passed == left && fault.Kind is GuestMemoryFaultKind.OutOfRange or GuestMemoryFaultKind.Disposed)
                {
                    // So does what would lie past the last address.
                    (missing, past) = (missing + past, 0);
                }

                writer.WriteLine($"0x{at + (ulong)got:x16}  0x{missing:x} bytes: {fault.Reason}");
            }

            at = unchecked(at + passed);
            left -= passed;
        }

        if (past != 0)
        {
            GuestMemoryFault fault = new(memory.Name, GuestMemoryOperation.Read, GuestMemoryFaultKind.OutOfRange, FaultCause.Check);
            writer.WriteLine($"0x{UInt128.One << 64:x}  0x{past:x} bytes: {fault.Reason}");
        }
    }

    /// <summary>How far it is from an address that cannot be read to where it is worth trying again: the next page, or the next region.</summary>
    private static ulong UnreadableLength(GuestMemory memory, ulong address)
    {
        if (memory.Find(address) is not null)
        {
            return memory.RestOfPage(address);
        }

        foreach (MemoryRegion region in memory.Clipped)
        {
            if (region.Start > address)
            {
                return region.Start - address;
            }
        }

        return ulong.MaxValue;
    }

    private static void AppendLine(StringBuilder line, ulong at, ReadOnlySpan<byte> bytes)
    {
        int first = (int)(at % Width);
        line.Append($"0x{at - (uint)first:x16} ");
        for (int column = 0; column < Width; column++)
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
