// A virtual machine monitor of a page: memory, a console, a doorbell, one processor in long mode.
//
//   dotnet run -c Release --project samples/MiniVmm
using Hyperspan;
using Hyperspan.Devices;
using Hyperspan.Kvm;
using Hyperspan.Samples;

if (KvmPartition.WhyNot() is { } reason)
{
    Console.Error.WriteLine(reason);
    return 1;
}

// Memory of this process that is the guest's as well.
using var memory = new GuestMemory(new SharedBacking(2 << 20), "ram");
memory.Write(Hello.Address, Hello.Code);
WritePageTables(memory);

using var partition = new KvmPartition(memory);

// A device: what is written to a port goes to the terminal.
partition.Ports.AddHandler(new GuestRange(0x3f8, 1), (_, _) => { }, (_, data) => Console.Write((char)data[0]), "console");

// A doorbell: the kernel signals the event, and the processor stays in the guest.
using var bell = new EventFile();
using IDisposable registration = partition.RegisterDoorbell(Hello.Doorbell, 1, sizeof(uint), DoorbellEvent.FromEventFileDescriptor(bell.Handle));

VirtualProcessor processor = partition.CreateProcessor();
processor.SetCpuid(partition.GetSupportedCpuid().ForProcessor(0, 1));
SpecialRegisters special = processor.GetSpecialRegisters();
special.Cs = SegmentRegister.Code64(0x08);
special.Ss = special.Ds = special.Es = special.Fs = special.Gs = SegmentRegister.Data(0x10);
special.Cr3 = 0x1000;
special.Cr4 = 0x20;             // PAE
special.Efer = 0x500;           // LME, LMA
special.Cr0 = 0x8000_0033;      // PG, NE, ET, MP, PE
processor.SetSpecialRegisters(special);
processor.SetRegisters(new GeneralRegisters { Rip = Hello.Address, Rsp = 0x30000, Rflags = 2 });

// The processor runs on a thread of its own while this one looks at the memory and counts with it.
Task<KvmExit> run = Task.Factory.StartNew(processor.Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
uint own = 0;
while (!bell.Wait(TimeSpan.Zero))
{
    memory.Add(Hello.Counter, 1u);
    own++;
}

KvmExit exit = await run;
uint all = memory.Read<uint>(Hello.Counter);
Console.WriteLine();
Console.WriteLine($"{exit}, the bell rang {bell.Take()} time; counted: {all - own} by the guest, {own} by the host");
return exit.Kind == KvmExitKind.Halt && all - own == 100_000 ? 0 : 1;

// The first four gibibytes mapped onto themselves, by pages of two mebibytes.
static void WritePageTables(GuestMemory memory)
{
    memory.Write(0x1000, 0x2003UL);
    for (ulong gibibyte = 0; gibibyte < 4; gibibyte++)
    {
        ulong table = 0x3000 + (gibibyte * 0x1000);
        memory.Write(0x2000 + (gibibyte * 8), table | 3);
        for (ulong i = 0; i < 512; i++)
        {
            memory.Write(table + (i * 8), (gibibyte << 30) | (i << 21) | 0x83);
        }
    }
}
