using System.Buffers.Binary;
using System.Text;

namespace Hyperspan.Kvm;

/// <summary>The little of ACPI's machine language that describes a machine (ACPI 6.5, chapter 20): each method answers the bytes of a term.</summary>
internal static class Aml
{
    private const byte ZeroOp = 0x00;
    private const byte OneOp = 0x01;
    private const byte NameOp = 0x08;
    private const byte BytePrefix = 0x0a;
    private const byte WordPrefix = 0x0b;
    private const byte DWordPrefix = 0x0c;
    private const byte StringPrefix = 0x0d;
    private const byte ScopeOp = 0x10;
    private const byte BufferOp = 0x11;
    private const byte PackageOp = 0x12;
    private const byte MethodOp = 0x14;
    private const byte ExtendedPrefix = 0x5b;
    private const byte DeviceOp = 0x82;
    private const byte NotifyOp = 0x86;

    internal static byte[] Scope(string name, params IEnumerable<byte[]> terms) => [ScopeOp, .. Sized([.. Path(name), .. Join(terms)])];

    internal static byte[] Device(string name, params IEnumerable<byte[]> terms) => [ExtendedPrefix, DeviceOp, .. Sized([.. Path(name), .. Join(terms)])];

    internal static byte[] Name(string name, byte[] value) => [NameOp, .. Path(name), .. value];

    internal static byte[] Package(params byte[][] values) => [PackageOp, .. Sized([(byte)values.Length, .. Join(values)])];

    /// <summary>A method that runs alone, with so many arguments.</summary>
    internal static byte[] Method(string name, int arguments, params IEnumerable<byte[]> terms) =>
        [MethodOp, .. Sized([.. Path(name), (byte)(arguments | 8), .. Join(terms)])];

    internal static byte[] Notify(string path, uint value) => [NotifyOp, .. Path(path), .. Integer(value)];

    internal static byte[] Text(string text) => [StringPrefix, .. Encoding.ASCII.GetBytes(text), 0];

    internal static byte[] Integer(uint value)
    {
        switch (value)
        {
            case 0:
                return [ZeroOp];
            case 1:
                return [OneOp];
            case <= byte.MaxValue:
                return [BytePrefix, (byte)value];
            case <= ushort.MaxValue:
                return [WordPrefix, (byte)value, (byte)(value >> 8)];
            default:
                byte[] term = new byte[5];
                term[0] = DWordPrefix;
                BinaryPrimitives.WriteUInt32LittleEndian(term.AsSpan(1), value);
                return term;
        }
    }

    /// <summary>The number of a device of Plug and Play: three letters and four hexadecimal digits (ACPI 6.5, section 19.3.4).</summary>
    internal static byte[] EisaId(string id)
    {
        int first = id[0] - '@';
        int second = id[1] - '@';
        int third = id[2] - '@';
        return
        [
            DWordPrefix,
            (byte)((first << 2) | (second >> 3)),
            (byte)((second << 5) | third),
            Convert.ToByte(id[3..5], 16),
            Convert.ToByte(id[5..7], 16),
        ];
    }

    internal static byte[] Resources(params IEnumerable<byte[]> descriptors)
    {
        // An end tag with a checksum of zero: none.
        byte[] buffer = [.. Join(descriptors), 0x79, 0];
        return [BufferOp, .. Sized([.. Integer((uint)buffer.Length), .. buffer])];
    }

    /// <summary>Ports, with 16 bits decoded (section 6.4.2.5).</summary>
    internal static byte[] Ports(ushort first, byte count) => [0x47, 1, (byte)first, (byte)(first >> 8), (byte)first, (byte)(first >> 8), 1, count];

    /// <summary>A range of memory that is read and written (section 6.4.3.4).</summary>
    internal static byte[] Memory(uint start, uint length)
    {
        byte[] descriptor = [0x86, 9, 0, 1, .. new byte[8]];
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor.AsSpan(4), start);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor.AsSpan(8), length);
        return descriptor;
    }

    /// <summary>An interrupt that the device raises by an edge, active high, and shares with nobody (section 6.4.3.6).</summary>
    internal static byte[] Interrupt(uint line)
    {
        byte[] descriptor = [0x89, 6, 0, 0x03, 1, .. new byte[4]];
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor.AsSpan(5), line);
        return descriptor;
    }

    /// <summary>A path of names of four letters: from the root with a backslash, with dots between.</summary>
    private static byte[] Path(string path)
    {
        bool isAbsolute = path[0] == '\\';
        string[] names = path.TrimStart('\\').Split('.');
        byte[] prefix = names.Length switch
        {
            1 => [],
            2 => [0x2e],
            _ => [0x2f, (byte)names.Length],
        };
        return [.. isAbsolute ? "\\"u8 : [], .. prefix, .. Encoding.ASCII.GetBytes(string.Concat(names.Select(static name => name.PadRight(4, '_'))))];
    }

    private static byte[] Join(IEnumerable<byte[]> terms) => [.. terms.SelectMany(static term => term)];

    /// <summary>Puts the length in front, which counts itself (section 20.2.4).</summary>
    private static byte[] Sized(byte[] content)
    {
        int length = content.Length + 1;
        if (length < 64)
        {
            return [(byte)length, .. content];
        }

        int more = ++length < 1 << 12 ? 1 : 2;
        length += more - 1;
        byte[] prefix = new byte[1 + more];
        prefix[0] = (byte)((more << 6) | (length & 15));
        for (int i = 0; i < more; i++)
        {
            prefix[1 + i] = (byte)(length >> (4 + (8 * i)));
        }

        return [.. prefix, .. content];
    }
}
