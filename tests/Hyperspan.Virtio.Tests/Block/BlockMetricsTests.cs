using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Hyperspan.Virtio.Tests;

/// <summary>What a block device publishes by <see cref="System.Diagnostics.Metrics"/>, as a listener of another program sees it.</summary>
public sealed class BlockMetricsTests : IDisposable
{
    private const int Size = 1 << 20;
    private const int InputOutput = 5;

    private readonly string _disk = $"disk-{Guid.NewGuid():N}";
    private readonly MeterListener _listener = new();
    private readonly ConcurrentQueue<(string Instrument, string Operation, string Error, double Value)> _seen = new();

    public BlockMetricsTests()
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == VirtioBlockDevice.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public void Each_request_is_measured_with_its_time_and_its_bytes()
    {
        using var bed = new BlockBed(new MemoryDisk(Size), new VirtioBlockOptions { Name = _disk });
        bed.Driver.Write(0, BlockBed.Data, 4096).ShouldBe(BlockStatus.Ok);
        bed.Driver.Read(8, BlockBed.Data, 1024).ShouldBe(BlockStatus.Ok);
        bed.Driver.Read(8, BlockBed.Data, 512).ShouldBe(BlockStatus.Ok);
        bed.Driver.Flush().ShouldBe(BlockStatus.Ok);
        bed.Driver.GetId(BlockBed.Data, out _).ShouldBe(BlockStatus.Ok);

        Durations().Select(m => (m.Operation, m.Error)).ShouldBe([("write", ""), ("read", ""), ("read", ""), ("flush", ""), ("get_id", "")]);
        Durations().ShouldAllBe(m => m.Value > 0 && m.Value < 3600);
        _seen.Where(m => m.Instrument == "hyperspan.block.io").Select(m => (m.Operation, m.Value)).ShouldBe([("write", 4096.0), ("read", 1024), ("read", 512)]);
    }

    [Fact]
    public void What_failed_is_measured_with_its_reason_and_moves_no_bytes()
    {
        var image = new MemoryDisk(Size) { FailWith = InputOutput };
        using var bed = new BlockBed(image, new VirtioBlockOptions { Name = _disk });
        bed.Driver.Read(0, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        bed.Driver.Flush().ShouldBe(BlockStatus.IoError);
        bed.Driver.Read(Size / 512, BlockBed.Data, 512).ShouldBe(BlockStatus.IoError);
        bed.Run((BlockRequestType)77, 0, [], []).Status.ShouldBe(BlockStatus.Unsupported);

        Durations().Select(m => (m.Operation, m.Error)).ShouldBe([("read", "EIO"), ("flush", "EIO"), ("read", "invalid"), ("other", "unsupported")]);
        _seen.ShouldNotContain(m => m.Instrument == "hyperspan.block.io");
    }

    [Fact]
    public void Requests_in_flight_are_shown_until_they_are_answered_and_a_device_until_it_is_disposed()
    {
        var image = new HeldDisk(Size);
        using (var bed = new BlockBed(image, new VirtioBlockOptions { Name = _disk }, overlaps: true))
        {
            InFlight().ShouldBe([0.0]);
            bed.Driver.TrySubmit(BlockRequestType.Flush, 0, [], [], out _).ShouldBeTrue();
            bed.Driver.Kick();
            image.WaitForFlush();
            InFlight().ShouldBe([1.0]);
            Durations().ShouldBeEmpty();
            image.EndFlush(0);
            bed.WaitForCompletion().Status.ShouldBe(BlockStatus.Ok);
            InFlight().ShouldBe([0.0]);
            Durations().Select(m => m.Operation).ShouldBe(["flush"]);
        }

        InFlight().ShouldBeEmpty();
    }

    [Fact]
    public void A_disk_without_a_name_has_its_id()
    {
        using var bed = new BlockBed(new MemoryDisk(Size), new VirtioBlockOptions { Id = _disk[..20] });
        string[] disks = [];
        _listener.SetMeasurementEventCallback<int>((_, _, tags, _) => disks = [.. disks, (string)tags[0].Value!]);
        _listener.RecordObservableInstruments();
        Array.Exists(disks, disk => disk == _disk[..20]).ShouldBeTrue();
    }

    private IEnumerable<(string Operation, string Error, double Value)> Durations() =>
        _seen.Where(m => m.Instrument == "hyperspan.block.request.duration").Select(m => (m.Operation, m.Error, m.Value));

    private double[] InFlight()
    {
        int before = _seen.Count;
        _listener.RecordObservableInstruments();
        return [.. _seen.Skip(before).Where(m => m.Instrument == "hyperspan.block.requests.in_flight").Select(m => m.Value)];
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // Other tests have devices as well.
        if (Tag(tags, "disk") == _disk)
        {
            _seen.Enqueue((instrument.Name, Tag(tags, "operation"), Tag(tags, "error.type"), value));
        }
    }

    private static string Tag(ReadOnlySpan<KeyValuePair<string, object?>> tags, string name)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            if (tag.Key == name)
            {
                return (string)tag.Value!;
            }
        }

        return "";
    }
}
