using Hyperspan.Kvm.Tests.Infrastructure;
using Hyperspan.Snapshots;

using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Kvm.Tests;

/// <summary>A guest that writes without rest is saved as of one moment.</summary>
public sealed class LiveSaveTests
{
    private const ulong Elsewhere = 0x1000_0000;
    private const ulong Between = 0x20_0000;
    private const ulong Second = 0x40_0000;
    private const int Pages = 120;

    /// <summary>Counts, and writes each number to all pages of both regions, one after the other.</summary>
    private static GuestProgram Counting() => new(
        a =>
        {
            Iced.Intel.Label start = a.CreateLabel();
            a.Label(ref start);
            a.inc(rcx);
            foreach (ulong region in (ulong[])[Elsewhere, Elsewhere + Second])
            {
                Iced.Intel.Label loop = a.CreateLabel();
                a.mov(ebx, (uint)region);
                a.mov(edx, Pages);
                a.Label(ref loop);
                a.mov(__qword_ptr[rbx + 8], rcx);
                a.add(ebx, 0x1000);
                a.dec(edx);
                a.jne(loop);
            }

            a.jmp(start);
        },
        new KvmPartitionOptions { Unclaimed = UnclaimedAccess.Stop });

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_running_guest_is_saved_as_of_one_moment(bool isLive)
    {
        using GuestProgram guest = Counting();
        var first = new HeapBacking(Pages * 0x1000UL);
        var second = new SharedBacking(Pages * 0x1000UL);
        using GuestMemory memory = new GuestMemoryBuilder("counted").AddRegion(0, first).AddRegion(Second, second).Build();

        // The same, and between both something that takes as long to read as the guest takes to go on.
        using GuestMemory slow = new GuestMemoryBuilder("slow")
            .AddRegion(0, first, 0, first.Length, Protection.ReadWrite, leaveOpen: true)
            .AddRegion(Between, new WaitingBacking(memory))
            .AddRegion(Second, second, 0, second.Length, Protection.ReadWrite, leaveOpen: true)
            .Build();
        guest.Partition.Map(Elsewhere, memory, readOnly: false);
        var running = new RunningProcessor(guest.Processor());
        Eventually.True(() => memory.Read<ulong>(8) > 100, "the guest counts");
        string path = Path.Combine(Path.GetTempPath(), $"hs-live-{Guid.NewGuid():n}");
        string? wrong = null;
        try
        {
            for (int i = 0; i < 5; i++)
            {
                ulong before = memory.Read<ulong>(8);
                wrong ??= Save(isLive ? memory : slow, path, isLive);
                Eventually.True(() => memory.Read<ulong>(8) > before, "the guest goes on");
            }
        }
        finally
        {
            File.Delete(path);
            running.Stop();
        }

        if (isLive)
        {
            wrong.ShouldBeNull();
        }
        else
        {
            wrong.ShouldNotBeNull("without anything that holds the guest pages are of several moments");
        }
    }

    private static string? Save(GuestMemory memory, string path, bool isLive)
    {
        try
        {
            (isLive ? GuestMemorySnapshot.SaveLiveAsync(memory, path) : GuestMemorySnapshot.SaveAsync(memory, path)).GetAwaiter().GetResult();
        }
        catch (PlatformNotSupportedException e)
        {
            Skip.If(true, e.Message);
        }

        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(path);
        using GuestMemory saved = GuestMemory.Allocate(Second + (Pages * 0x1000));
        foreach (GuestRange range in snapshot.GetStoredRanges())
        {
            byte[] bytes = new byte[range.Length];
            snapshot.Read(range.Start, bytes);
            saved.Write(range.Start, bytes);
        }

        ulong newest = 0;
        ulong last = ulong.MaxValue;
        foreach (ulong region in (ulong[])[0, Second])
        {
            for (ulong page = 0; page < Pages; page++)
            {
                ulong number = saved.Read<ulong>(region + (page * 0x1000) + 8);
                newest = last == ulong.MaxValue ? number : newest;
                if (number > last || number + 1 < newest)
                {
                    return $"page {page} at 0x{region:x} has {number}, the one before it {last}, the first {newest}";
                }

                last = number;
            }
        }

        return null;
    }

    private sealed class WaitingBacking(GuestMemory counted) : GuestMemoryBacking
    {
        public override ulong Length => 0x1000;

        public override string Name => "waiting";

        protected override BackingResult ReadFallback(ulong offset, Span<byte> destination)
        {
            ulong before = counted.Read<ulong>(8);
            Eventually.True(() => counted.Read<ulong>(8) > before + 1, "the guest goes on");
            destination.Clear();
            return BackingResult.Success;
        }
    }
}
