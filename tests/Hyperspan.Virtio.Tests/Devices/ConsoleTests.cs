using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Hyperspan.Virtio.Tests;

public sealed class ConsoleTests : IDisposable
{
    private const int Receive = 0;
    private const int Transmit = 1;
    private const int Large = 100_000;

    private readonly VirtioConsoleDevice _device = new(80, 25);

    public void Dispose() => _device.Dispose();

    [LinuxFact]
    public async Task Guest_sends_buffers_in_order()
    {
        using var bed = new DeviceBed(_device, Transmit);
        bed.Memory.Write(DeviceBed.Data, "hello, world"u8);
        bed.Serve([new(DeviceBed.Data, 5), new(DeviceBed.Data + 5, 2)], []).ShouldBe(0U);
        bed.Serve([new(DeviceBed.Data + 7, 5)], []).ShouldBe(0U);
        (await ReadAsync(12)).ShouldBe("hello, world"u8.ToArray());
    }

    /// <summary>The request stays in flight, nothing more is taken, and whoever reads goes on with it.</summary>
    [LinuxFact]
    public async Task Guest_that_sends_more_than_is_read_waits()
    {
        using var bed = new DeviceBed(_device, Transmit);
        byte[] sent = RandomNumberGenerator.GetBytes(Large);
        bed.Memory.Write(DeviceBed.Data, sent);
        bed.Serve([new(DeviceBed.Data, Large - 1)], []).ShouldBeNull();
        bed.Serve([new(DeviceBed.Data + Large - 1, 1)], []).ShouldBeNull();
        bed.Overlapped.InFlight.ShouldBe(1, "the second is left where it is");

        (await ReadAsync(Large - 1)).ShouldBe(sent[..^1]);
        bed.Process();
        bed.Collect().ShouldBe(0U);
        bed.Collect().ShouldBe(0U);
        bed.Overlapped.InFlight.ShouldBe(0);
        (await ReadAsync(1)).ShouldBe(sent[^1..]);
    }

    [LinuxFact]
    public async Task Stop_drops_the_rest_of_a_request_that_waits()
    {
        using var bed = new DeviceBed(_device, Transmit);
        bed.Serve([new(DeviceBed.Data, Large)], []).ShouldBeNull();
        bed.Overlapped.CancelRequests();
        bed.Process();
        bed.Overlapped.InFlight.ShouldBe(0);
        bed.Collect().ShouldBe(0U);

        // What was sent before is still there, and what comes later follows it.
        await ReadAsync(1 << 16);
        bed.Memory.Write(DeviceBed.Data, "later"u8);
        bed.Serve([new(DeviceBed.Data, 5)], []).ShouldBe(0U);
        (await ReadAsync(5)).ShouldBe("later"u8.ToArray());
    }

    [LinuxFact]
    public async Task Guest_is_sent_bytes_when_there_are_any()
    {
        using var bed = new DeviceBed(_device, Receive);
        bed.Serve([], [new(DeviceBed.Data, 4), new(DeviceBed.Data + 4, 4)]).ShouldBeNull();
        bed.Overlapped.InFlight.ShouldBe(0, "a buffer is taken when there is something to put in");
        await _device.WriteAsync("hello, world"u8.ToArray(), CancellationToken.None);
        bed.Process();
        bed.Collect().ShouldBe(8U);
        bed.Serve([], [new(DeviceBed.Data + 8, 100)]).ShouldBe(4U);
        byte[] received = new byte[12];
        bed.Memory.Read(DeviceBed.Data, received);
        received.ShouldBe("hello, world"u8.ToArray());
    }

    [LinuxFact]
    public async Task Writer_waits_for_a_guest_that_takes_nothing()
    {
        using var bed = new DeviceBed(_device, Receive);
        byte[] typed = RandomNumberGenerator.GetBytes(Large);
        Task writing = _device.WriteAsync(typed, CancellationToken.None).AsTask();
        writing.IsCompleted.ShouldBeFalse();
        using (var impatient = new CancellationTokenSource())
        {
            impatient.Cancel();
            await Should.ThrowAsync<OperationCanceledException>(async () => await _device.WriteAsync(typed, impatient.Token));
        }

        // The writer goes on in its own time: a buffer comes back when it has.
        var received = new List<byte>();
        while (received.Count < Large)
        {
            bed.Driver.TryAdd([], [new(DeviceBed.Data, 5000)], out _).ShouldBeTrue();
            uint? count;
            do
            {
                bed.Process();
                count = bed.Collect();
            }
            while (count is null);
            byte[] part = new byte[count.Value];
            bed.Memory.Read(DeviceBed.Data, part);
            received.AddRange(part);
        }

        await writing;
        received.ShouldBe(typed);
    }

    /// <summary>Buffers of the wrong kind carry nothing; the queue goes on.</summary>
    [LinuxFact]
    public async Task Wrong_buffers_come_back_empty()
    {
        using var sender = new DeviceBed(_device, Transmit);
        sender.Serve([], [new(DeviceBed.Data, 10)]).ShouldBe(0U);
        using var receiver = new DeviceBed(_device, Receive);
        await _device.WriteAsync("kept"u8.ToArray(), CancellationToken.None);
        receiver.Serve([new(DeviceBed.Data, 10)], []).ShouldBe(0U);
        receiver.Serve([], [new(DeviceBed.Data, 10)]).ShouldBe(4U);
        sender.Error.IsError.ShouldBeFalse();
        receiver.Error.IsError.ShouldBeFalse();
    }

    [LinuxFact]
    public async Task Configuration_has_the_size_and_takes_a_character()
    {
        byte[] config = new byte[16];
        _device.ReadConfig(0, config);
        BinaryPrimitives.ReadUInt16LittleEndian(config).ShouldBe((ushort)80);
        BinaryPrimitives.ReadUInt16LittleEndian(config.AsSpan(2)).ShouldBe((ushort)25);
        _device.SetSize(132, 43);
        _device.ReadConfig(2, config);
        config[0].ShouldBe((byte)43);
        _device.ReadConfig(uint.MaxValue, config);
        config.ShouldAllBe(value => value == 0);

        _device.TryWriteConfig(0, [1, 0]).ShouldBeFalse();
        _device.TryWriteConfig(8, [(byte)'!', 0, 0, 0]).ShouldBeTrue();
        (await ReadAsync(1)).ShouldBe("!"u8.ToArray());
        using var plain = new VirtioConsoleDevice();
        (plain.OfferedFeatures & VirtioConsoleFeatures.Size).ShouldBe(0UL);
        Should.Throw<InvalidOperationException>(() => plain.SetSize(1, 1));
    }

    private async Task<byte[]> ReadAsync(int length)
    {
        byte[] bytes = new byte[length];
        for (int done = 0; done < length;)
        {
            done += await _device.ReadAsync(bytes.AsMemory(done), CancellationToken.None);
        }

        return bytes;
    }
}
