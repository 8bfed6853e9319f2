using System.Collections.Concurrent;

using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>
/// A device whose requests are a number of eight bytes, which it records, and answers with the number's complement. It can be held up, made to fail, and made to die.
/// </summary>
internal sealed class TestDevice(int queues = 1, ulong features = TestDevice.Ring) : IVirtioDevice
{
    internal const ulong Ring = VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex;

    private readonly byte[] _config = Enumerable.Range(1, 60).Select(i => (byte)i).ToArray();

    public VirtioDeviceType DeviceType => (VirtioDeviceType)42;

    public ulong OfferedFeatures => features;

    public int QueueCount => queues;

    public ushort MaxQueueSize => 256;

    public int ConfigLength => _config.Length;

    /// <summary>The numbers in the order in which they were taken.</summary>
    internal ConcurrentQueue<ulong> Taken { get; } = [];

    internal ConcurrentQueue<ulong> Completed { get; } = [];

    internal ulong? AcknowledgedFeatures { get; private set; }

    internal int LiveHandlers;

    internal bool IsDisposed { get; private set; }

    internal int Resets { get; private set; }

    public void Reset() => Resets++;

    /// <summary>Called before each request is completed; false leaves it and everything after it as if the process had died.</summary>
    internal Func<ulong, bool> OnRequest { get; set; } = _ => true;

    /// <summary>Makes another handler than the device's own.</summary>
    internal Func<IVirtioQueueHandler>? MakeHandler { get; set; }

    /// <summary>Takes so many requests before it completes them, the last first.</summary>
    internal int Batch { get; set; } = 1;

    public void ReadConfig(uint offset, Span<byte> destination) => _config.AsSpan((int)offset, destination.Length).CopyTo(destination);

    public bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source)
    {
        if (offset < 8)
        {
            return false;
        }

        source.CopyTo(_config.AsSpan((int)offset));
        return true;
    }

    public IVirtioQueueHandler CreateQueueHandler(int queueIndex, ulong acknowledgedFeatures)
    {
        AcknowledgedFeatures = acknowledgedFeatures;
        if (MakeHandler is { } make)
        {
            return make();
        }

        Interlocked.Increment(ref LiveHandlers);
        return new Handler(this);
    }

    public void Dispose() => IsDisposed = true;

    private sealed class Handler(TestDevice device) : IVirtioQueueHandler
    {
        public QueueProcessResult Process(VirtQueue queue, CancellationToken stop)
        {
            uint requests = 0;
            var batch = new List<(ushort Head, ulong Number)>();
            var chain = new DescriptorChain();
            do
            {
                while (!stop.IsCancellationRequested)
                {
                    batch.Clear();
                    while (batch.Count < device.Batch && queue.TryTake(chain))
                    {
                        ChainReader reader = chain.Readable.CreateReader();
                        ChainWriter writer = chain.Writable.CreateWriter();
                        if (!reader.TryRead(out ulong number) || (writer.Remaining != 0 && !writer.TryWrite(~number)))
                        {
                            GuestMemoryFault fault = reader.Fault.IsFault ? reader.Fault : writer.Fault;
                            queue.Break(new VirtQueueError(VirtQueueErrorKind.BufferFault, chain.Head, fault: fault));
                            break;
                        }

                        device.Taken.Enqueue(number);
                        batch.Add((chain.Head, number));
                    }

                    if (batch.Count == 0)
                    {
                        break;
                    }

                    batch.Reverse();
                    foreach ((ushort head, ulong number) in batch)
                    {
                        if (!device.OnRequest(number))
                        {
                            // As after SIGKILL: nothing more is done, to memory or to the record.
                            throw new InvalidOperationException("the device died");
                        }

                        if (!queue.Complete(head, 8))
                        {
                            break;
                        }

                        device.Completed.Enqueue(number);
                        requests++;
                    }
                }
            }
            while (queue.EnableNotifications() && !stop.IsCancellationRequested);

            VirtQueueError? error = queue.IsBroken ? queue.Error : null;
            return new QueueProcessResult(queue.ShouldNotify(), requests, requests * 16, error, null);
        }

        public void Dispose() => Interlocked.Decrement(ref device.LiveHandlers);
    }
}
