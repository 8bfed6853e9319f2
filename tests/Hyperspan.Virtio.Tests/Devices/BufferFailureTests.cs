using Hyperspan.Streaming;

namespace Hyperspan.Virtio.Tests;

/// <summary>A buffer that cannot be accessed fails its request, of whichever device, and nothing else.</summary>
public class BufferFailureTests
{
    private const ulong Good = DeviceBed.Data;
    private const ulong Refused = RefusingMemory.Page;
    private const int Receive = 0;
    private const int Transmit = 1;

    private const VirtQueueFeatures Split = VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex;

    public static TheoryData<RefusalKind, VirtQueueFeatures> KindsAndRings
    {
        get
        {
            var data = new TheoryData<RefusalKind, VirtQueueFeatures>();
            foreach (RefusalKind kind in Enum.GetValues<RefusalKind>())
            {
                data.Add(kind, Split);
                data.Add(kind, Split | VirtQueueFeatures.InOrder);
                data.Add(kind, Split | VirtQueueFeatures.PackedRing);
            }

            return data;
        }
    }

    [LinuxTheory]
    [MemberData(nameof(KindsAndRings))]
    public void Entropy_is_given_as_far_as_it_could_be_written(RefusalKind kind, VirtQueueFeatures ring)
    {
        using var memory = new RefusingMemory(kind);
        using var device = new VirtioEntropyDevice();
        using var bed = new DeviceBed(device, features: ring, memory: memory.Memory);
        bed.Serve([], [new(Refused, 64)]).ShouldBe(0U);
        bed.Serve([], [new(Good, 32), new(Good + 32, 5), new(Refused, 64), new(Good + 100, 8)]).ShouldBe(37U);
        bed.Serve([], [new(Good, 64), new(Refused, 0)]).ShouldBe(64U);
        ShouldGoOn(bed, failures: 2, kind);
    }

    [LinuxTheory]
    [MemberData(nameof(KindsAndRings))]
    public async Task What_a_console_could_not_give_to_a_buffer_is_for_the_next(RefusalKind kind, VirtQueueFeatures ring)
    {
        using var memory = new RefusingMemory(kind);
        using var device = new VirtioConsoleDevice();
        using var bed = new DeviceBed(device, Receive, ring, memory.Memory);
        await device.WriteAsync("hello, world"u8.ToArray(), CancellationToken.None);
        bed.Serve([], [new(Refused, 100)]).ShouldBe(0U);
        bed.Serve([], [new(Good, 5), new(Refused, 100)]).ShouldBe(5U);
        bed.Serve([], [new(Good + 5, 100)]).ShouldBe(7U);
        ShouldGoOn(bed, failures: 2, kind);
        byte[] bytes = new byte[12];
        bed.Memory.Read(Good, bytes);
        bytes.ShouldBe("hello, world"u8.ToArray());
    }

    [LinuxTheory]
    [InlineData(RefusalKind.Translated)]
    [InlineData(RefusalKind.Restricted)]
    [InlineData(RefusalKind.Truncated)]
    public async Task A_console_is_sent_what_could_be_read(RefusalKind kind)
    {
        using var memory = new RefusingMemory(kind);
        using var device = new VirtioConsoleDevice();
        using var bed = new DeviceBed(device, Transmit, memory: memory.Memory);
        bed.Memory.Write(Good, "hello, world"u8);
        bed.Serve([new(Refused, 100)], []).ShouldBe(0U);
        bed.Serve([new(Good, 12)], []).ShouldBe(0U);
        ShouldGoOn(bed, failures: 1, kind);
        byte[] bytes = new byte[100];
        (await device.ReadAsync(bytes, CancellationToken.None)).ShouldBe(12);
        bytes[..12].ShouldBe("hello, world"u8.ToArray());
    }

    /// <summary>The request waits for room, and whoever makes it finds that the rest cannot be read.</summary>
    [LinuxFact]
    public async Task A_console_s_request_that_waits_fails_when_it_goes_on()
    {
        const int Room = 1 << 16;
        using var memory = new RefusingMemory(RefusalKind.Truncated);
        using var device = new VirtioConsoleDevice();
        using var bed = new DeviceBed(device, Transmit, memory: memory.Memory);
        bed.Serve([new(Good / 2, Room), new(Refused, 10)], []).ShouldBeNull();
        bed.Overlapped.InFlight.ShouldBe(1);
        byte[] bytes = new byte[Room];
        for (int done = 0; done < Room;)
        {
            done += await device.ReadAsync(bytes.AsMemory(done), CancellationToken.None);
        }

        bed.Process();
        bed.Collect().ShouldBe(0U);
        ShouldGoOn(bed, failures: 1, RefusalKind.Truncated);
        bed.Serve([new(Good, 12)], []).ShouldBe(0U);
    }

    /// <summary>A handler that throws what an access threw, at once or by a task, or says it.</summary>
    [LinuxTheory]
    [MemberData(nameof(Ways))]
    public void A_device_of_one_s_own_fails_the_request(string way, bool overlaps)
    {
        Func<VirtQueue, QueueRequest, uint?> serve = WayOf(way);
        using var memory = new RefusingMemory(RefusalKind.Translated);
        using var bed = new DeviceBed(new ServingHandler(serve), memory: memory.Memory);
        bed.Overlapped.MayOverlap = overlaps;
        bed.Memory.Write(Good, 42UL);
        for (uint round = 1; round <= 20; round++)
        {
            bed.Driver.TryAdd([new(Refused, 8)], [new(Good + 8, 8)], out _).ShouldBeTrue();
            bed.Driver.TryAdd([new(Good, 8)], [new(Good + 16, 8)], out _).ShouldBeTrue();
            var written = new List<uint>();
            SpinWait.SpinUntil(
                () =>
                {
                    bed.Process();
                    while (bed.Collect() is { } count)
                    {
                        written.Add(count);
                    }

                    return written.Count == 2;
                },
                TimeSpan.FromMinutes(2)).ShouldBeTrue();
            written.Order().ShouldBe([0U, 8U]);
            bed.Memory.Read<ulong>(Good + 16).ShouldBe(~42UL);
            bed.BufferFailures.ShouldBe(round);
        }

        bed.Overlapped.InFlight.ShouldBe(0);
        ShouldGoOn(bed, failures: 20, RefusalKind.Translated);
    }

    public static TheoryData<string, bool> Ways
    {
        get
        {
            var data = new TheoryData<string, bool>();
            string[] ways = ["throws", "streams", "fails", "fails on another thread", "throws in a task", "throws in a task that is done", "throws when completed"];
            foreach (string way in ways)
            {
                data.Add(way, true);
                data.Add(way, false);
            }

            return data;
        }
    }

    [LinuxFact]
    public void A_request_fails_once()
    {
        using var bed = new DeviceBed(new ServingHandler((_, request) =>
        {
            request.Fail(FaultOf(), 3);
            Should.Throw<InvalidOperationException>(() => request.Fail(FaultOf(), 3));
            Should.Throw<InvalidOperationException>(() => request.Complete(3));
            return null;
        }));
        bed.Serve([], [new(Good, 8)]).ShouldBe(3U);
        bed.BufferFailures.ShouldBe(1U);
    }

    /// <summary>Too few bytes are no fault: nothing is counted.</summary>
    [LinuxFact]
    public void A_request_that_is_too_short_is_returned_and_not_counted()
    {
        using var bed = new DeviceBed(new ServingHandler((_, request) =>
        {
            End(request);
            return null;
        }));
        bed.Serve([new(Good, 7)], [new(Good, 8)]).ShouldBe(0U);
        bed.BufferFailures.ShouldBe(0U);
    }

    /// <summary>What is no fault of a buffer is the handler's own, as ever.</summary>
    [LinuxFact]
    public void Whatever_else_a_handler_throws_fails_the_handler()
    {
        foreach (Exception e in (Exception[])[new InvalidOperationException("mine"), new IOException("of a file"), new NullReferenceException()])
        {
            using var bed = new DeviceBed(new ServingHandler((_, _) => throw e));
            Should.Throw<Exception>(() => bed.Serve([new(Good, 8)], [])).ShouldBeSameAs(e);
        }
    }

    /// <summary>Rings and tables are no buffers: nothing more can be known of the queue.</summary>
    [LinuxTheory]
    [InlineData(RefusalKind.Translated)]
    [InlineData(RefusalKind.Restricted)]
    [InlineData(RefusalKind.Truncated)]
    public void A_descriptor_table_that_cannot_be_reached_breaks_the_queue(RefusalKind kind)
    {
        using var memory = new RefusingMemory(kind);
        using var device = new VirtioEntropyDevice();
        using var bed = new DeviceBed(device, features: Split, memory: memory.Memory);

        // By hand: a chain of one indirect table.
        VirtQueueLayout layout = bed.Driver.Layout;
        bed.Memory.Write(layout.DescriptorTable, Refused);
        bed.Memory.Write(layout.DescriptorTable + 8, 16UL | (4UL << 32));
        bed.Memory.Write(layout.AvailableRing + 4, (ushort)0);
        bed.Memory.VolatileWrite(layout.AvailableRing + 2, (ushort)1);
        bed.Process().Error!.Value.Kind.ShouldBe(VirtQueueErrorKind.RingFault);
        bed.BufferFailures.ShouldBe(0U);
    }

    [LinuxFact]
    public void An_answer_longer_than_its_buffers_breaks_the_queue()
    {
        ServingHandler? handler = null;
        handler = new ServingHandler((queue, request) => handler!.AnswerBy(queue, request, new byte[9]));
        using var bed = new DeviceBed(handler);
        bed.Serve([], [new(Good, 8)]).ShouldBeNull();
        bed.Error.Kind.ShouldBe(VirtQueueErrorKind.BufferFault);
        bed.BufferFailures.ShouldBe(0U);
    }

    /// <summary>A guest that names good and refused pages as it likes: each chain comes back once, with no more than could be written, and none breaks the queue.</summary>
    [LinuxTheory]
    [MemberData(nameof(KindsAndRings))]
    public void Whatever_a_guest_names_each_chain_comes_back_once(RefusalKind kind, VirtQueueFeatures ring)
    {
        using var memory = new RefusingMemory(kind);
        using var device = new VirtioEntropyDevice();
        using var bed = new DeviceBed(device, features: ring, memory: memory.Memory);
        var random = new Random(20);
        uint failures = 0;
        for (int round = 0; round < 1000; round++)
        {
            var parts = new ChainSegment[random.Next(1, 6)];
            ulong limit = 0;
            ulong total = 0;
            bool isRefused = false;
            for (int i = 0; i < parts.Length; i++)
            {
                uint length = (uint)random.Next(1, 1500);
                bool bad = random.Next(4) == 0;
                parts[i] = new ChainSegment(bad ? Refused - (ulong)random.Next(0, (int)length) : Good + (ulong)(i * 2000), length);
                isRefused |= bad && total < 4096 && parts[i].Address + Math.Min(length, 4096 - total) > Refused;
                total += length;
                limit = isRefused ? limit : Math.Min(total, 4096);
            }

            bed.Serve([], parts).ShouldBe((uint)limit, string.Join("; ", parts));
            failures += isRefused ? 1U : 0;
            bed.BufferFailures.ShouldBe(failures, string.Join("; ", parts));
        }

        failures.ShouldBeGreaterThan(300U);
        ShouldGoOn(bed, failures, kind);
    }

    /// <summary>The first is told at once, and each is counted; but a guest that does nothing else is not told of each time.</summary>
    [LinuxFact]
    public void Failures_are_told_together()
    {
        GuestMemoryFault fault = default;
        GuestMemory.Empty.TryRead(0, out byte _, out fault).ShouldBeFalse();
        var told = new List<string>();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var log = new BufferFailureLog((text, first) =>
        {
            first.ShouldBe(fault);
            told.Add(text);
        });
        var result = new QueueProcessResult(false, 3, 0, null, null) { BufferFailures = 3, BufferFault = fault };
        log.Add(result with { BufferFailures = 1 });
        told.ShouldBe([$"a buffer of a request cannot be accessed: {fault}"]);
        for (int i = 0; i < 10_000; i++)
        {
            log.Add(result);
            log.Add(default);
        }

        log.End();
        log.End();
        told.Count.ShouldBeInRange(2, 2 + (int)clock.Elapsed.TotalSeconds);
        told.Skip(1).Sum(text => int.Parse(text.Split(' ')[2], provider: null)).ShouldBe(30_000);
    }

    private static Func<VirtQueue, QueueRequest, uint?> WayOf(string way) => (queue, request) =>
    {
        switch (way)
        {
            case "throws":
                return Answer(request);
            case "streams":
                ChainSegment part = request.Readable.Segments[0];
                var stream = new RangeReader(queue.Memory, new GuestRange(part.Address, part.Length));
                return request.Writable.CreateWriter().TryWrite(~stream.Read<ulong>()) ? 8U : 0;
            case "fails":
            case "fails on another thread":
                if (way == "fails")
                {
                    End(request);
                }
                else
                {
                    ThreadPool.QueueUserWorkItem(static state => End((QueueRequest)state!), request);
                }

                return null;
            case "throws in a task":
                request.CompleteAfter(Later(request));
                return null;
            case "throws in a task that is done":
                request.CompleteAfter(Now(request));
                return null;
            default:
                // It has been completed, and then something is thrown on the way out.
                End(request);
                request.Readable.CreateReader().TryRead(out ulong _);
                throw new GuestMemoryException(FaultOf());
        }
    };

    private static GuestMemoryFault FaultOf()
    {
        GuestMemory.Empty.TryRead(0, out byte _, out GuestMemoryFault fault);
        return fault;
    }

    private static void End(QueueRequest request)
    {
        ChainReader reader = request.Readable.CreateReader();
        if (!reader.TryRead(out ulong number))
        {
            request.Fail(reader.Fault, 0);
            return;
        }

        request.Writable.CreateWriter().TryWrite(~number).ShouldBeTrue();
        request.Complete(8);
    }

    private static async ValueTask<uint> Later(QueueRequest request)
    {
        await Task.Yield();
        return Answer(request);
    }

    private static ValueTask<uint> Now(QueueRequest request)
    {
        try
        {
            return ValueTask.FromResult(Answer(request));
        }
        catch (GuestMemoryException e)
        {
            return ValueTask.FromException<uint>(e);
        }
    }

    private static uint Answer(QueueRequest request)
    {
        ChainReader reader = request.Readable.CreateReader();
        if (!reader.TryRead(out ulong number))
        {
            throw reader.Fault.ToException();
        }

        return request.Writable.CreateWriter().TryWrite(~number) ? 8U : 0;
    }

    private static void ShouldGoOn(DeviceBed bed, uint failures, RefusalKind kind)
    {
        bed.Error.IsError.ShouldBeFalse(bed.Error.ToString());
        bed.BufferFailures.ShouldBe(failures);
        bed.BufferFault!.Value.Kind.ShouldBe(kind switch
        {
            RefusalKind.Translated => GuestMemoryFaultKind.NotTranslated,
            RefusalKind.ReadOnly => GuestMemoryFaultKind.ReadOnly,
            RefusalKind.Restricted => GuestMemoryFaultKind.Restricted,
            _ => GuestMemoryFaultKind.Unmapped,
        });
    }
}
