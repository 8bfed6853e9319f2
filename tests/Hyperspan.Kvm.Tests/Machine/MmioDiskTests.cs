using Hyperspan.Kvm.Tests.Infrastructure;
using Hyperspan.Testing;
using Hyperspan.Virtio;

using Register = Hyperspan.Kvm.VirtioMmioRegister;

namespace Hyperspan.Kvm.Tests.Machine;

/// <summary>A disk behind virtio-mmio, whose requests overlap, with its queue reset and paused while they do.</summary>
public class MmioDiskTests
{
    private const ushort Size = 32;
    private const ulong Slots = 0x20000;
    private const ulong Buffers = 0x40000;
    private const ulong Features =
        VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex | VirtioFeatures.RingReset | VirtioBlockFeatures.Flush;

    [LinuxFact]
    public void Requests_overlap_and_are_all_done_once_over_pauses_and_resets()
    {
        using var file = new TemporaryFile(1 << 20);
        using var device = new VirtioBlockDevice(RawDiskImage.Open(file.Path));
        using var bed = new MmioBed(device);
        bed.Start(Features);
        var random = new Random(3);
        byte[] expected = new byte[1 << 20];
        for (int round = 0; round < 12; round++)
        {
            var rings = bed.SetUp(0, round % 2 == 0 ? 0x1000UL : 0x10000, Size, VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex);
            var disk = new VirtioBlockDriver(bed.Memory, rings, Slots, new Doorbell(bed));
            for (int batch = 0; batch < 10; batch++)
            {
                var blocks = new List<int>();
                while (disk.InFlight < 8)
                {
                    int block = random.Next(256);
                    if (!blocks.Contains(block))
                    {
                        ulong buffer = Buffers + ((ulong)disk.InFlight * 4096);
                        random.NextBytes(expected.AsSpan(block * 4096, 4096));
                        bed.Memory.Write(buffer, expected.AsSpan(block * 4096, 4096));
                        disk.TrySubmitWrite((ulong)block * 8, [new ChainSegment(buffer, 4096)], out _).ShouldBeTrue();
                        blocks.Add(block);
                    }
                }

                disk.Kick();
                if (batch % 3 == 0)
                {
                    bed.Transport.Pause();
                    bed.Transport.Resume();
                }

                while (disk.InFlight != 0)
                {
                    disk.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
                }
            }

            // Some are in flight, and some are not taken yet: those that were taken are done when it is over.
            for (ulong i = 0; i < 8; i++)
            {
                disk.TrySubmitRead(i * 8, [new ChainSegment(Buffers + (i * 4096), 4096)], out _).ShouldBeTrue();
            }

            disk.Kick();
            bed.Reset(0);
            while (disk.TryComplete(out BlockCompletion completion))
            {
                completion.Status.ShouldBe(BlockStatus.Ok);
            }
        }

        bed.Failures.ShouldBeEmpty();
        File.ReadAllBytes(file.Path).ShouldBe(expected);
    }

    private sealed class Doorbell(MmioBed bed) : IVirtQueueTransport
    {
        public void Kick() => bed[Register.QueueNotify] = 0;

        public bool Wait()
        {
            Thread.Yield();
            return true;
        }
    }
}
