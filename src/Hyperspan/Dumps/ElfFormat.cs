using System.Buffers;
using System.Buffers.Binary;

namespace Hyperspan.Dumps;

/// <summary>The parts of the ELF format that a core file of a machine has (System V ABI, chapter 4; elf(5)).</summary>
internal static class ElfFormat
{
    internal const uint Magic = 0x464c457f;
    internal const byte Class64 = 2;
    internal const byte LittleEndian = 1;
    internal const ushort Core = 4;
    internal const ushort X64 = 62;
    internal const ushort Arm64 = 183;
    internal const int HeaderLength = 64;
    internal const int SegmentLength = 56;
    internal const int SectionLength = 64;
    internal const uint Load = 1;
    internal const uint Note = 4;
    internal const uint ReadWriteExecute = 7;

    /// <summary>The number of segments that says: look in the first section.</summary>
    internal const ushort ManySegments = 0xffff;

    internal const uint ProcessorStatus = 1;
    internal const string CoreName = "CORE";
    internal const string VmCoreInfoName = "VMCOREINFO";

    /// <summary>Adds a note: its header, its name with a final zero, and its content, both padded to four bytes.</summary>
    internal static void WriteNote(ArrayBufferWriter<byte> notes, string name, uint type, ReadOnlySpan<byte> content)
    {
        int nameLength = name.Length + 1;
        int total = 12 + Padded(nameLength) + Padded(content.Length);
        Span<byte> note = notes.GetSpan(total)[..total];
        note.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(note, nameLength);
        BinaryPrimitives.WriteInt32LittleEndian(note[4..], content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(note[8..], type);
        System.Text.Encoding.ASCII.GetBytes(name, note[12..]);
        content.CopyTo(note[(12 + Padded(nameLength))..]);
        notes.Advance(total);
    }

    /// <summary>Splits the first note off. False where there is none that is whole.</summary>
    internal static bool TryReadNote(scoped ref ReadOnlySpan<byte> notes, out ReadOnlySpan<byte> name, out uint type, out ReadOnlySpan<byte> content)
    {
        name = default;
        type = 0;
        content = default;
        if (notes.Length < 12)
        {
            return false;
        }

        uint nameLength = BinaryPrimitives.ReadUInt32LittleEndian(notes);
        uint contentLength = BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]);
        if (nameLength > notes.Length - 12 || contentLength > notes.Length - 12 || 12 + Padded((int)nameLength) > notes.Length - (int)contentLength)
        {
            return false;
        }

        type = BinaryPrimitives.ReadUInt32LittleEndian(notes[8..]);
        int start = 12 + Padded((int)nameLength);
        name = notes.Slice(12, (int)nameLength).TrimEnd((byte)0);
        content = notes.Slice(start, (int)contentLength);
        notes = notes[Math.Min(start + Padded((int)contentLength), notes.Length)..];
        return true;
    }

    private static int Padded(int length) => (length + 3) & ~3;
}
