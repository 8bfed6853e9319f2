using System.Buffers.Binary;
using System.Text;

namespace Hyperspan.Kvm;

/// <summary>Puts a program with all that it needs into memory, and sets the first processor to begin it.</summary>
internal static class BootLoader
{
    /// <summary>What is wrong with an initial file system for which there is no room, after its name.</summary>
    internal const string InitrdTooLong = "does not fit beside the kernel: give the machine more memory";

    private const ushort CodeSelector = 0x10;
    private const ushort DataSelector = 0x18;

    /// <summary>Loads; answers what <see cref="Start"/> needs.</summary>
    /// <exception cref="MachineException">Something does not fit.</exception>
    internal static void Load(GuestMemory memory, KernelImage kernel, string kernelName, (string Name, byte[] Bytes)? initrd, string commandLine, byte[] tables, ulong memoryLength)
    {
        kernel.Load(memory);
        byte[] text = Encoding.ASCII.GetBytes(commandLine);
        if (text.Length > kernel.LongestCommandLine)
        {
            throw new MachineException($"the command line has {text.Length} characters: {kernelName} takes {kernel.LongestCommandLine}");
        }

        if (tables.Length > (int)(BootLayout.TablesEnd - BootLayout.Tables))
        {
            throw new MachineException("the machine has too many devices for its tables");
        }

        memory.Write(BootLayout.CommandLine, text);
        memory.Write(BootLayout.Tables, tables);
        (ulong Start, ulong Length) place = Place(memory, kernel, initrd, memoryLength);
        if (kernel.Format == KernelFormat.PvhElf)
        {
            WriteStartInfo(memory, place, memoryLength);
        }
        else
        {
            WriteZeroPage(memory, kernel, text.Length, place, memoryLength);
        }

        WriteProcessorTables(memory);
    }

    /// <summary>Writes the descriptors and page tables that <see cref="StartInLongMode"/> refers to: the first 60 KiB.</summary>
    internal static void WriteProcessorTables(GuestMemory memory)
    {
        // A null descriptor, one that is not used, flat code (64-bit), flat data, flat code (32-bit).
        memory.Write(BootLayout.DescriptorTable, (ulong[])[0, 0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, 0x00cf_9b00_0000_ffff]);
        WritePageTables(memory);
    }

    /// <summary>Sets a processor to begin.</summary>
    internal static void Start(VirtualProcessor processor, KernelImage kernel)
    {
        if (kernel.Format == KernelFormat.PvhElf)
        {
            SpecialRegisters special = WithSegments(processor);

            // Protected mode without paging: the start information is in EBX.
            special.Cs = SegmentRegister.Code64(0x20) with { IsLong = false, IsDefault32 = true };
            special.Cr0 = 0x11;
            processor.SetSpecialRegisters(special);
            processor.SetRegisters(new GeneralRegisters { Rip = kernel.Entry, Rbx = BootLayout.StartInfo, Rflags = 2 });
        }
        else
        {
            StartInLongMode(processor, kernel.Entry, vectors: kernel.Format != KernelFormat.LinuxImage);
        }
    }

    /// <summary>Sets a processor to begin in long mode, ring 0, with the first four gibibytes mapped onto themselves: the zero page is in RSI.</summary>
    internal static void StartInLongMode(VirtualProcessor processor, ulong entry, bool vectors)
    {
        SpecialRegisters special = WithSegments(processor);
        special.Cs = SegmentRegister.Code64(CodeSelector);
        special.Cr3 = BootLayout.PageTables;
        special.Cr4 = 0x20 | (vectors ? 0x600u : 0);
        special.Efer = 0x500;
        special.Cr0 = 0x8000_0033;
        processor.SetSpecialRegisters(special);
        processor.SetRegisters(new GeneralRegisters { Rip = entry, Rsi = BootLayout.ZeroPage, Rsp = BootLayout.Stack, Rflags = 2 });
    }

    private static SpecialRegisters WithSegments(VirtualProcessor processor)
    {
        SpecialRegisters special = processor.GetSpecialRegisters();
        special.Gdt = new DescriptorTableRegister { Base = BootLayout.DescriptorTable, Limit = 39 };
        special.Ds = special.Es = special.Fs = special.Gs = special.Ss = SegmentRegister.Data(DataSelector);
        return special;
    }

    /// <summary>Puts the initial file system as high as it may lie.</summary>
    private static (ulong Start, ulong Length) Place(GuestMemory memory, KernelImage kernel, (string Name, byte[] Bytes)? initrd, ulong memoryLength)
    {
        if (initrd is not { } file)
        {
            return default;
        }

        ulong length = (ulong)file.Bytes.Length;
        ulong end = Math.Min(Math.Min(memoryLength, BootLayout.LowMemoryEnd), (ulong)kernel.HighestInitrd + 1);
        ulong start = end < length ? 0 : (end - length) & ~0xfffUL;
        if (start < Math.Max(kernel.End, KernelImage.LowestAddress))
        {
            throw new MachineException($"{file.Name} {InitrdTooLong}");
        }

        memory.Write(start, file.Bytes);
        return (start, length);
    }

    /// <summary>struct boot_params (Documentation/arch/x86/zero-page.rst).</summary>
    private static void WriteZeroPage(GuestMemory memory, KernelImage kernel, int commandLineLength, (ulong Start, ulong Length) initrd, ulong memoryLength)
    {
        byte[] page = new byte[4096];
        if (kernel.Format == KernelFormat.LinuxImage)
        {
            kernel.CopySetupHeader(page);
        }

        // A boot loader without a number of its own.
        page[0x210] = 0xff;
        BinaryPrimitives.WriteUInt64LittleEndian(page.AsSpan(0x70), BootLayout.Tables);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(0x218), (uint)initrd.Start);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(0x21c), (uint)initrd.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(0x228), (uint)BootLayout.CommandLine);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(0x238), Math.Max(BinaryPrimitives.ReadUInt32LittleEndian(page.AsSpan(0x238)), (uint)commandLineLength));
        int entry = 0x2d0;
        foreach ((ulong start, ulong length, bool isFree) in BootLayout.MemoryMap(memoryLength))
        {
            WriteRange(page.AsSpan(entry), start, length, isFree);
            entry += 20;
            page[0x1e8]++;
        }

        memory.Write(BootLayout.ZeroPage, page);
    }

    /// <summary>struct hvm_start_info, version 1, with its memory map, the initial file system as the only module.</summary>
    private static void WriteStartInfo(GuestMemory memory, (ulong Start, ulong Length) initrd, ulong memoryLength)
    {
        const int Module = 56;
        const int Map = 96;
        byte[] info = new byte[4096];
        BinaryPrimitives.WriteUInt32LittleEndian(info, 0x336e_c578);
        BinaryPrimitives.WriteUInt32LittleEndian(info.AsSpan(4), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(info.AsSpan(12), initrd.Length == 0 ? 0u : 1);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(16), initrd.Length == 0 ? 0 : BootLayout.StartInfo + Module);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(24), BootLayout.CommandLine);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(32), BootLayout.Tables);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(40), BootLayout.StartInfo + Map);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(Module), initrd.Start);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(Module + 8), initrd.Length);
        int entry = Map;
        uint entries = 0;
        foreach ((ulong start, ulong length, bool isFree) in BootLayout.MemoryMap(memoryLength))
        {
            WriteRange(info.AsSpan(entry), start, length, isFree);
            entry += 24;
            entries++;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(info.AsSpan(48), entries);
        memory.Write(BootLayout.StartInfo, info);
    }

    private static void WriteRange(Span<byte> at, ulong start, ulong length, bool isFree)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(at, start);
        BinaryPrimitives.WriteUInt64LittleEndian(at[8..], length);
        BinaryPrimitives.WriteUInt32LittleEndian(at[16..], isFree ? 1u : 2);
    }

    /// <summary>Maps the first four gibibytes onto themselves, by pages of two mebibytes.</summary>
    private static void WritePageTables(GuestMemory memory)
    {
        const ulong Present = 3;
        const ulong Large = 0x83;
        memory.Write(BootLayout.PageTables, (BootLayout.PageTables + 0x1000) | Present);
        ulong[] table = new ulong[512];
        for (ulong gibibyte = 0; gibibyte < 4; gibibyte++)
        {
            ulong at = BootLayout.PageTables + 0x2000 + (gibibyte * 0x1000);
            memory.Write(BootLayout.PageTables + 0x1000 + (gibibyte * 8), at | Present);
            for (ulong i = 0; i < 512; i++)
            {
                table[i] = (gibibyte << 30) | (i << 21) | Large;
            }

            memory.Write(at, table);
        }
    }
}
