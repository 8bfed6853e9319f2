using System.Buffers.Binary;
using System.Globalization;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Kvm;

/// <summary>A program for a machine, recognized by what it looks like, and where its parts go.</summary>
internal sealed class KernelImage
{
    internal const ulong LowestAddress = 0x10_0000;

    private const ulong Largest = 1 << 30;
    private const int SetupHeader = 0x1f1;
    private const int SetupEnd = 0x280;
    private const uint SetupMark = 0x5372_6448;
    private const uint ElfMark = 0x464c_457f;
    private const uint LoadSegment = 1;
    private const uint NoteSegment = 4;
    private const uint PvhNote = 18;

    private readonly string _name;
    private readonly byte[] _bytes;
    private readonly List<(ulong Address, int Offset, int Length, ulong MemoryLength)> _parts = [];

    private KernelImage(string name, byte[] bytes)
    {
        _name = name;
        _bytes = bytes;
        if (bytes.Length >= SetupEnd && UInt32(0x202) == SetupMark && UInt16(0x1fe) == 0xaa55)
        {
            ReadLinux();
        }
        else if (bytes.Length >= 4 && UInt32(0) == ElfMark)
        {
            ReadElf();
        }
        else
        {
            RefuseOther();
            Format = KernelFormat.Flat;
            Entry = LowestAddress;
            _parts.Add((LowestAddress, 0, bytes.Length, (ulong)bytes.Length));
        }
    }

    internal KernelFormat Format { get; private set; }

    /// <summary>Gets where it begins.</summary>
    internal ulong Entry { get; private set; }

    /// <summary>Gets the first address past all that it needs.</summary>
    internal ulong End { get; private set; }

    /// <summary>Gets the highest address at which a Linux kernel finds its initial file system.</summary>
    internal uint HighestInitrd { get; private set; } = 0x7fff_ffff;

    /// <summary>Gets the longest command line that it takes.</summary>
    internal int LongestCommandLine { get; private set; } = 2047;

    /// <summary>Reads a program.</summary>
    /// <exception cref="MachineException">It is not one.</exception>
    /// <exception cref="IOException">It could not be read.</exception>
    internal static KernelImage Open(string path)
    {
        byte[] bytes = Read(path, Largest, "is larger than 1 GiB: it is no kernel");
        return bytes.Length == 0 ? throw new MachineException($"{path} is empty") : new KernelImage(path, bytes);
    }

    /// <summary>Reads a file whole.</summary>
    /// <exception cref="MachineException">It is longer than it may be: what that means is said.</exception>
    /// <exception cref="IOException">It could not be read.</exception>
    internal static byte[] Read(string path, ulong longest, string tooLong)
    {
        using SafeFileHandle file = FileOpening.OpenRegular(path, out long length);
        if ((ulong)length > Math.Min(longest, (ulong)Array.MaxLength))
        {
            throw new MachineException($"{path} {tooLong}");
        }

        byte[] bytes = new byte[length];
        using var stream = new FileStream(file, FileAccess.Read, bufferSize: 0);
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Puts it into memory.</summary>
    /// <exception cref="MachineException">There is too little memory for it.</exception>
    internal void Load(GuestMemory memory)
    {
        foreach ((ulong address, int offset, int length, ulong memoryLength) in _parts)
        {
            // An image needs room for what it unpacks, too.
            ulong needed = Format == KernelFormat.LinuxImage ? End - address : memoryLength;
            if (!memory.Contains(address, needed))
            {
                throw new MachineException(string.Create(
                    CultureInfo.InvariantCulture, $"{_name} needs memory up to 0x{address + needed:x}: give the machine more"));
            }

            memory.Write(address, _bytes.AsSpan(offset, length));
        }
    }

    /// <summary>Puts the header of a Linux image where the zero page has it.</summary>
    internal void CopySetupHeader(Span<byte> zeroPage)
    {
        int end = Math.Min(0x202 + _bytes[0x201], Math.Min(SetupEnd + 0x10, _bytes.Length));
        _bytes.AsSpan(SetupHeader..end).CopyTo(zeroPage[SetupHeader..]);
    }

    private void ReadLinux()
    {
        Format = KernelFormat.LinuxImage;
        ushort version = UInt16(0x206);
        if (version < 0x020c || (UInt16(0x236) & 1) == 0)
        {
            throw new MachineException(
                string.Create(CultureInfo.InvariantCulture, $"{_name} has no 64-bit entry (boot protocol {version >> 8}.{version & 0xff:d2}): a kernel for x86-64 since 3.8 has"));
        }

        int sectors = _bytes[SetupHeader] == 0 ? 4 : _bytes[SetupHeader];
        int start = (sectors + 1) * 512;
        if (start >= _bytes.Length)
        {
            throw new MachineException($"{_name} ends within its boot sectors: it is cut short");
        }

        // The header says how much there has to be, in paragraphs.
        if ((long)UInt32(0x1f4) * 16 > _bytes.Length - start)
        {
            throw new MachineException($"{_name} is shorter than its header says: it is cut short");
        }

        _parts.Add((LowestAddress, start, _bytes.Length - start, (ulong)(_bytes.Length - start)));
        Entry = LowestAddress + 0x200;

        // It moves itself to where it prefers to be, and unpacks itself there.
        ulong preferred = Math.Max(UInt64(0x258), LowestAddress);
        ulong unpacked = UInt32(0x260);
        End = Math.Max(preferred <= ulong.MaxValue - unpacked ? preferred + unpacked : ulong.MaxValue, LowestAddress + (ulong)(_bytes.Length - start));
        HighestInitrd = UInt32(0x22c);
        LongestCommandLine = (int)Math.Clamp(UInt32(0x238), 255, 4095);
    }

    private void ReadElf()
    {
        if (_bytes.Length < 64 || _bytes[4] is not (1 or 2) || _bytes[5] != 1)
        {
            throw new MachineException($"{_name} is an ELF file that is cut short, or not little-endian");
        }

        bool wide = _bytes[4] == 2;
        ushort machine = UInt16(18);
        if (machine is not (62 or 3))
        {
            throw new MachineException(string.Create(CultureInfo.InvariantCulture, $"{_name} is an ELF file for another processor (machine {machine}), not for x86"));
        }

        ulong table = wide ? UInt64(32) : UInt32(28);
        int size = UInt16(wide ? 54 : 42);
        int count = UInt16(wide ? 56 : 44);
        if (size < (wide ? 56 : 32) || table > (ulong)_bytes.Length || (ulong)size * (ulong)count > (ulong)_bytes.Length - table)
        {
            throw new MachineException($"{_name} is an ELF file that is cut short: its program headers are not there");
        }

        Entry = wide ? UInt64(24) : UInt32(24);
        Format = KernelFormat.Elf;
        for (int i = 0; i < count; i++)
        {
            ReadSegment((int)table + (i * size), wide);
        }

        // Each byte is loaded once: a file of some megabytes can name each of them ten thousand times.
        _parts.Sort(static (a, b) => a.Address.CompareTo(b.Address));
        for (int i = 1; i < _parts.Count; i++)
        {
            if (_parts[i].Address - _parts[i - 1].Address < _parts[i - 1].MemoryLength)
            {
                throw new MachineException(string.Create(CultureInfo.InvariantCulture, $"{_name} is an ELF file whose segments overlap at 0x{_parts[i].Address:x}"));
            }
        }

        if (_parts.Count == 0)
        {
            throw new MachineException($"{_name} is an ELF file with nothing to load: an object file, perhaps");
        }

        if (Format == KernelFormat.Elf && !wide)
        {
            throw new MachineException($"{_name} is a 32-bit ELF file without a note that says where it begins (PVH)");
        }
    }

    private void ReadSegment(int at, bool wide)
    {
        uint type = UInt32(at);
        ulong offset = wide ? UInt64(at + 8) : UInt32(at + 4);
        ulong address = wide ? UInt64(at + 24) : UInt32(at + 12);
        ulong length = wide ? UInt64(at + 32) : UInt32(at + 16);
        ulong memoryLength = wide ? UInt64(at + 40) : UInt32(at + 20);
        if (type is not (LoadSegment or NoteSegment))
        {
            return;
        }

        if (offset > (ulong)_bytes.Length || length > (ulong)_bytes.Length - offset || (type == LoadSegment && (memoryLength < length || memoryLength > ulong.MaxValue - address)))
        {
            throw new MachineException($"{_name} is an ELF file that is cut short: a segment is not there");
        }

        if (type == NoteSegment)
        {
            FindPvhEntry(_bytes.AsSpan((int)offset, (int)length));
        }
        else if (memoryLength > 0)
        {
            if (address < LowestAddress)
            {
                throw new MachineException(string.Create(
                    CultureInfo.InvariantCulture, $"{_name} is to be loaded at 0x{address:x}, below 0x{LowestAddress:x}, where the machine's tables are"));
            }

            _parts.Add((address, (int)offset, (int)length, memoryLength));
            End = Math.Max(End, address + memoryLength);
        }
    }

    /// <summary>Looks for XEN_ELFNOTE_PHYS32_ENTRY among notes.</summary>
    private void FindPvhEntry(ReadOnlySpan<byte> notes)
    {
        while (notes.Length >= 12)
        {
            ulong nameLength = BinaryPrimitives.ReadUInt32LittleEndian(notes);
            ulong length = BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(notes[8..]);
            ulong data = 12 + ((nameLength + 3) & ~3UL);
            ulong end = data + ((length + 3) & ~3UL);
            if (end > (ulong)notes.Length)
            {
                return;
            }

            if (type == PvhNote && length >= 4 && notes[12..].StartsWith("Xen\0"u8))
            {
                Entry = BinaryPrimitives.ReadUInt32LittleEndian(notes[(int)data..]);
                Format = KernelFormat.PvhElf;
                return;
            }

            notes = notes[(int)end..];
        }
    }

    /// <summary>Everything is a flat program, but for what it certainly is not.</summary>
    private void RefuseOther()
    {
        ReadOnlySpan<byte> bytes = _bytes;
        string? what = bytes.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]) ? "a gzip archive"
            : bytes.StartsWith((ReadOnlySpan<byte>)[0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z']) ? "an xz archive"
            : bytes.StartsWith("070701"u8) ? "a cpio archive: it is for --initrd, perhaps"
            : bytes.StartsWith((ReadOnlySpan<byte>)[(byte)'Q', (byte)'F', (byte)'I', 0xfb]) ? "a qcow2 image: it is for --disk, perhaps"
            : bytes.StartsWith("MZ"u8) ? "a program for EFI without a Linux boot header"
            : bytes.StartsWith("#!"u8) ? "a script"
            : bytes.Length >= 512 && bytes[510] == 0x55 && bytes[511] == 0xaa ? "a disk with a boot sector: it is for --disk, perhaps"
            : IsText(bytes) ? "text"
            : null;
        if (what is not null)
        {
            throw new MachineException($"{_name} is no kernel, but {what}");
        }
    }

    /// <summary>Whether it can be read: a program of a few bytes that happen to be printable is text as well.</summary>
    private static bool IsText(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes[..Math.Min(bytes.Length, 512)])
        {
            if (value is not ((byte)'\t' or (byte)'\n' or (byte)'\r' or (>= (byte)' ' and <= (byte)'~')))
            {
                return false;
            }
        }

        return true;
    }

    private ushort UInt16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(offset));

    private uint UInt32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset));

    private ulong UInt64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(offset));
}
