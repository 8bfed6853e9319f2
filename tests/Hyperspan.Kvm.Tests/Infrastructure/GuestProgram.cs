using Iced.Intel;

namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>
/// A partition with two megabytes of memory in which a program in long mode runs: page tables that map the first four gibibytes onto themselves, a descriptor table, the
/// program at <see cref="Code"/>, a stack for each processor.
/// </summary>
internal sealed class GuestProgram : IDisposable
{
    internal const ulong Code = 0x1_0000;
    internal const ulong Data = 0x4_0000;
    internal const ulong Size = 2 << 20;

    // An address of devices, away from memory and below four gibibytes.
    internal const ulong Device = 0xd000_0000;

    private const ulong DescriptorTable = 0x800;
    private const ulong InterruptTable = 0x8000;
    private const ulong PageTables = 0x1000;
    private const ulong Stacks = 0x3_0000;

    internal GuestProgram(Action<Assembler> program, KvmPartitionOptions? options = null, GuestMemory? memory = null)
    {
        Need.Kvm();
        Memory = memory ?? new GuestMemory(new SharedBacking(Size), "ram");
        Partition = new KvmPartition(options);
        WriteTables();
        Write(Code, program);
        Mapping = Partition.Map(Memory);
    }

    internal GuestMemory Memory { get; }

    internal KvmPartition Partition { get; }

    internal MemoryMapping Mapping { get; }

    /// <summary>Makes a processor that is to begin at the program, in ring 0 or 3 (with all ports allowed).</summary>
    internal VirtualProcessor Processor(uint id = 0, int ring = 3, ulong start = Code)
    {
        VirtualProcessor processor = Partition.CreateProcessor(id);
        processor.SetCpuid(Partition.GetSupportedCpuid().ForProcessor(id, 2));
        Start(processor, ring, start);
        return processor;
    }

    internal static void Start(VirtualProcessor processor, int ring, ulong start = Code)
    {
        SpecialRegisters special = processor.GetSpecialRegisters();
        special.Cs = SegmentRegister.Code64((ushort)(ring == 0 ? 0x08 : 0x1b));
        special.Ss = special.Ds = special.Es = special.Fs = special.Gs = SegmentRegister.Data((ushort)(ring == 0 ? 0x10 : 0x23));
        special.Gdt = new DescriptorTableRegister { Base = DescriptorTable, Limit = 39 };
        special.Idt = new DescriptorTableRegister { Base = InterruptTable, Limit = 0xfff };
        special.Cr0 = 0x8000_0033;
        special.Cr3 = PageTables;
        special.Cr4 = 0x620;
        special.Efer = 0x500;
        processor.SetSpecialRegisters(special);
        processor.SetRegisters(new GeneralRegisters { Rip = start, Rsp = Stacks + ((processor.Id + 1) * 0x1000), Rflags = ring == 0 ? 2u : 0x3002 });
    }

    /// <summary>Assembles code and writes it to an address.</summary>
    internal void Write(ulong address, Action<Assembler> program)
    {
        var assembler = new Assembler(64);
        program(assembler);
        using var code = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(code), address);
        Memory.Write(address, code.ToArray());
    }

    /// <summary>Has a vector handled at an address, in ring 0.</summary>
    internal void SetInterruptHandler(byte vector, ulong handler)
    {
        ulong low = (handler & 0xffff) | (0x08UL << 16) | (0x8e00UL << 32) | ((handler >> 16 & 0xffff) << 48);
        Memory.Write(InterruptTable + (vector * 16UL), low);
        Memory.Write(InterruptTable + (vector * 16UL) + 8, handler >> 32);
    }

    private void WriteTables()
    {
        Memory.Write(DescriptorTable, (ulong[])[0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, 0x00af_fb00_0000_ffff, 0x00cf_f300_0000_ffff]);
        Memory.Write(PageTables, (PageTables + 0x1000) | 7);
        for (ulong gibibyte = 0; gibibyte < 4; gibibyte++)
        {
            ulong table = PageTables + 0x2000 + (gibibyte * 0x1000);
            Memory.Write(PageTables + 0x1000 + (gibibyte * 8), table | 7);
            for (ulong i = 0; i < 512; i++)
            {
                Memory.Write(table + (i * 8), (gibibyte << 30) | (i << 21) | 0x87);
            }
        }
    }

    public void Dispose()
    {
        Partition.Dispose();
        Memory.Dispose();
    }
}
