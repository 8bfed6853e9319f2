using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Buffers that cannot be accessed, of devices that know nothing of it: their request fails, it is told, and the ring goes on.</summary>
public sealed class BufferFaultTests : IDisposable
{
    private const ulong Page = GuestAddress.PageSize;
    private const ulong Data = TranslationBed.Iova + 0x4000;

    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    private readonly TestMemory _memory = new(1 << 20);

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_the_IOMMU_refuses_fails_the_request_and_not_the_ring(bool isAsync)
    {
        using var bed = new TranslationBed(_memory, Never, recorded: true, new ThrowingHandler(isAsync));
        for (int round = 1; round <= 5; round++)
        {
            bed.Driver.Submit(1);
            bed.Queue.Kick();
            bed.Serve();
            bed.FrontEnd.InvalidateTranslation(Data, Page);
            bed.Refused.Add(Data);

            // Once more, with the answer that it had: it comes back without another.
            bed.Driver.Offer(0);
            bed.Driver.Take();
            bed.Queue.Kick();
            bed.Serve();
            Harness.Eventually(() => bed.Harness.Connection.Statistics.BufferFailures == round, "the failure is counted");
            bed.Refused.Clear();
        }

        Harness.Eventually(() => bed.Harness.Log.Count(VhostUserEventKind.BufferFault) >= 1, "the first is told at once");
        VhostUserEvent told = bed.Harness.Log.Events.First(what => what.Kind == VhostUserEventKind.BufferFault);
        (told.Queue, told.IsError, told.Fault!.Value.Kind).ShouldBe((0, true, GuestMemoryFaultKind.NotTranslated));
        told.Fault.Value.Address.ShouldBe(new GuestAddress(Data));
        bed.Harness.Log.Count(VhostUserEventKind.RingBroken).ShouldBe(0);
        bed.FrontEnd.StopQueue(0).ShouldBe((ushort)10);
    }

    [Fact]
    public void A_file_that_is_truncated_under_a_buffer_fails_the_request_and_under_a_ring_ends_the_connection()
    {
        const ulong Buffer = 0x10000;
        using var entropy = new VirtioEntropyDevice();
        using var harness = new Harness(new TestDevice { MakeHandler = () => entropy.CreateQueueHandler(0, entropy.OfferedFeatures) });
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(_memory.Region());
        var driver = new VirtQueueDriver(_memory.Memory, 0x1000, 8, VirtQueueFeatures.EventIndex);
        using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
        Serve(new ChainSegment(Buffer, 64)).ShouldBe(64U);
        _memory.Truncate(Buffer);
        Serve(new ChainSegment(Buffer, 64)).ShouldBe(0U);
        Serve(new ChainSegment(Buffer - 64, 64), new ChainSegment(Buffer, 64)).ShouldBe(64U);
        Serve(new ChainSegment(Buffer - 64, 64)).ShouldBe(64U);
        _memory.Truncate(_memory.Length);
        Serve(new ChainSegment(Buffer, 64)).ShouldBe(64U);
        Harness.Eventually(() => harness.Connection.Statistics.BufferFailures == 2, "both failures are counted");
        Harness.Eventually(() => harness.Connection.Statistics.Requests == 5, "each is a request");
        harness.Log.Count(VhostUserEventKind.RingBroken).ShouldBe(0);

        _memory.Truncate(0);
        queue.Kick();
        harness.End().Kind.ShouldBe(VhostUserEventKind.MemoryLost);

        // What was kept back is told before.
        harness.Log.Count(VhostUserEventKind.BufferFault).ShouldBeInRange(1, 2);

        uint Serve(params ReadOnlySpan<ChainSegment> writable)
        {
            driver.TryAdd([], writable, out _).ShouldBeTrue();
            queue.Kick();
            VirtQueueCompletion completion;
            while (!driver.TryCollect(out completion))
            {
                if (!driver.EnableCallbacks())
                {
                    queue.WaitForCall(Harness.Patience).ShouldBeTrue(harness.Log.ToString());
                }
            }

            return completion.Written;
        }
    }
}
