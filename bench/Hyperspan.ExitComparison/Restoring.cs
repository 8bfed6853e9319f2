using System.Diagnostics;
using System.Globalization;

using Hyperspan.Devices;
using Hyperspan.Kvm;
using Hyperspan.Snapshots;

namespace Hyperspan.ExitComparison;

/// <summary>What it takes from the file of a saved machine to the first instruction of its guest, whose memory is full and whose program counts.</summary>
internal static class Restoring
{
    private const ulong Memory = 1 << 30;
    private const ulong Counter = 0x20_0000;
    private const int Rounds = 21;

    private const ulong Register = 0xdf00_0000;

    // mov ebx, Counter; mov ecx, Register; l: inc qword [rbx]; mov [rcx], eax; jmp l
    private static readonly byte[] Count = [0xbb, 0, 0, 0x20, 0, 0xb9, 0, 0, 0, 0xdf, 0x48, 0xff, 0x03, 0x89, 0x01, 0xeb, 0xf9];

    internal static async Task RunAsync()
    {
        string program = Path.GetTempFileName();
        string snapshot = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(program, Count);
            await SaveAsync(program, snapshot);
            double[] times = new double[Rounds];
            for (int i = 0; i < Rounds; i++)
            {
                times[i] = Restore(snapshot);
            }

            Array.Sort(times);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"from a saved machine of {Memory >> 20} MiB to its next instruction: {times[Rounds / 2]:f0} (least {times[0]:f0}, most {times[^1]:f0})"));
        }
        finally
        {
            File.Delete(program);
            File.Delete(snapshot);
        }
    }

    private static async Task SaveAsync(string program, string snapshot)
    {
        using var machine = new VirtualMachine(new MachineOptions { KernelPath = program, MemorySize = Memory });
        byte[] page = new byte[1 << 20];
        for (ulong at = Counter + 0x10_0000; at < Memory; at += (ulong)page.Length)
        {
            Random.Shared.NextBytes(page);
            machine.Memory.Write(at, page);
        }

        using var stop = new CancellationTokenSource();
        Task<MachineEnd> running = Task.Run(() => machine.Run(stop.Token));
        SpinWait.SpinUntil(() => machine.Memory.Read<ulong>(Counter) > 1000);
        machine.Pause();
        await machine.SaveAsync(snapshot);
        await stop.CancelAsync();
        await running;
    }

    private static double Restore(string snapshot)
    {
        using var rung = new EventFile();
        using var stop = new CancellationTokenSource();
        long end = 0;
        var watcher = new Thread(() =>
        {
            rung.Wait(Timeout.InfiniteTimeSpan);
            end = Stopwatch.GetTimestamp();
            stop.Cancel();
        });
        watcher.Start();
        long start = Stopwatch.GetTimestamp();
        using GuestMemorySnapshot saved = GuestMemorySnapshot.Open(snapshot);
        using var machine = new VirtualMachine(new MachineOptions { Restore = saved });
        machine.Partition.RegisterDoorbell(Register, value: null, length: 4, DoorbellEvent.FromEventFileDescriptor(rung.Handle));
        machine.Run(stop.Token);
        watcher.Join();
        return Stopwatch.GetElapsedTime(start, end).TotalMicroseconds;
    }
}
