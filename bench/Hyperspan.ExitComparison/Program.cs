using System.Diagnostics;
using System.Globalization;

using Hyperspan.Devices;
using Hyperspan.Kvm;

namespace Hyperspan.ExitComparison;

/// <summary>What it takes a guest to leave and come back, for the same guest as exits.c has beside it: each way in turns, the median of the rounds.</summary>
internal static class Program
{
    private const int Rounds = 31;
    private const ushort Exits = 2000;
    private const ushort Port = 0x80;
    private const ulong Register = 0xd_0000;
    private const ulong DoorbellRegister = 0xd_1000;
    private const ulong Code = 0x1000;

    private static long Handled;

    private static async Task Main()
    {
        CompareExits();
        await Restoring.RunAsync();
    }

    private static void CompareExits()
    {
        long start = Stopwatch.GetTimestamp();
        using var ram = new GuestMemory(new SharedBacking(0x1_0000), "ram");
        ram.Write(Code, (ReadOnlySpan<byte>)[0xf4]);
        using var partition = new KvmPartition();
        partition.Map(ram);
        VirtualProcessor processor = partition.CreateProcessor(0);
        SpecialRegisters special = processor.GetSpecialRegisters();
        special.Cs = special.Cs with { Base = 0, Selector = 0 };
        special.Ds = special.Ds with { Base = Register, Selector = (ushort)(Register >> 4) };
        processor.SetSpecialRegisters(special);
        RunOnce(processor);
        Print("from creation to the first exit", Stopwatch.GetElapsedTime(start).TotalMicroseconds);

        partition.Ports.AddHandler(new GuestRange(Port, 1), static (_, _) => { }, static (_, _) => Handled++, "port");
        partition.Memory.AddHandler(new GuestRange(Register, 0x1000), static (_, _) => { }, static (_, _) => Handled++, "register");
        using var rung = new EventFile();
        using IDisposable doorbell = partition.RegisterDoorbell(DoorbellRegister, value: null, length: 2, DoorbellEvent.FromEventFileDescriptor(rung.Handle));
        (string Name, byte[] Access)[] ways =
        [
            ("port, written", [0xe6, (byte)Port]),
            ("port, read", [0xe4, (byte)Port]),
            ("register, written", [0x88, 0x07]),
            ("register, read", [0x8a, 0x07]),
            ("doorbell", [0x89, 0x87, 0x00, 0x10]),
        ];
        var times = new double[ways.Length][];
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < ways.Length; i++)
            {
                // mov cx, Exits; l: the access; dec cx; jnz l; hlt
                byte[] access = ways[i].Access;
                ram.Write(Code, (byte[])[0xb9, Exits & 0xff, Exits >> 8, .. access, 0x49, 0x75, (byte)-(access.Length + 3), 0xf4]);
                times[i] ??= new double[Rounds];
                long begin = Stopwatch.GetTimestamp();
                RunOnce(processor);
                times[i][round] = Stopwatch.GetElapsedTime(begin).TotalMicroseconds / Exits;
            }
        }

        if (Handled != 2L * Rounds * Exits)
        {
            throw new InvalidOperationException($"{Handled} accesses were written");
        }

        for (int i = 0; i < ways.Length; i++)
        {
            Array.Sort(times[i]);
            Print(ways[i].Name, times[i][Rounds / 2]);
        }
    }

    private static void RunOnce(VirtualProcessor processor)
    {
        processor.SetRegisters(new GeneralRegisters { Rip = Code, Rflags = 2 });
        KvmExit exit = processor.Run();
        if (exit.Kind != KvmExitKind.Halt)
        {
            throw new InvalidOperationException(exit.ToString());
        }
    }

    private static void Print(string name, double microseconds) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {microseconds:f3}"));
}
