using System.Diagnostics.CodeAnalysis;

using Hyperspan.Virtio;

namespace Hyperspan.Kvm;

/// <summary>One queue behind virtio-mmio: what the driver says about it, and, once it is ready, the thread that serves it.</summary>
internal sealed class VirtioMmioQueue : IVirtQueueNotifier, IDisposable
{
    private readonly string _name;
    private readonly int _index;
    private readonly Action _notify;
    private readonly Action<string> _failed;
    private readonly BufferFailureLog _bufferFailures;
    private Thread? _thread;
    private VirtQueue? _queue;
    private CancellationTokenSource? _stopping;
    private long _requests;

    internal VirtioMmioQueue(string name, int index, Action notify, Action<string> failed, Action<string> told)
    {
        _name = name;
        _index = index;
        _notify = notify;
        _failed = failed;
        _bufferFailures = new BufferFailureLog((text, _) => told($"{name}, queue {index}: {text}"));
    }

    /// <summary>Gets the event that is signaled when the driver has made something available, or to stop.</summary>
    internal EventFile Kick { get; } = new();

    internal ushort Size { get; set; }

    internal ulong Descriptors { get; set; }

    internal ulong Driver { get; set; }

    internal ulong Device { get; set; }

    /// <summary>Gets or sets a value indicating whether the driver said that it is ready.</summary>
    internal bool IsReady { get; set; }

    internal bool IsServed => _thread is not null;

    internal long Requests => Interlocked.Read(ref _requests);

    internal VirtQueueLayout Layout => new(Size, Descriptors, Driver, Device);

    public void Notify() => _notify();

    /// <summary>Gets or sets where to go on, once it has been paused: the next available index and the used one.</summary>
    internal (ushort Next, ushort Used)? Position { get; set; }

    /// <summary>Starts to serve it. The layout has been checked.</summary>
    internal void Start(IVirtioDevice device, GuestMemory memory, ulong features)
    {
        var queue = new VirtQueue(memory, Layout, VirtioFeatures.ForQueue(features), Position?.Next, Position?.Used) { Notifier = this };
        _queue = queue;
        IVirtioQueueHandler handler = device.CreateQueueHandler(_index, features);
        _stopping = new CancellationTokenSource();
        CancellationToken stop = _stopping.Token;
        _thread = new Thread(() => Serve(queue, handler, stop)) { IsBackground = true, Name = $"{_name} queue {_index}" };
        _thread.Start();
    }

    /// <summary>Stops after the request at hand, and forgets what the driver said.</summary>
    internal void Reset()
    {
        Stop();
        Size = 0;
        Descriptors = Driver = Device = 0;
        IsReady = false;
    }

    /// <summary>Stops once nothing is in flight, and remembers where it was. One that is broken stays so until it is reset: nothing is remembered of it.</summary>
    internal void Pause()
    {
        if (_thread is not null)
        {
            Halt();
            Position = _queue is { IsBroken: false, InFlight: 0 } queue ? (queue.NextAvailable, queue.UsedIndex) : null;
        }
    }

    internal void Stop()
    {
        Halt();
        Position = null;
    }

    private void Halt()
    {
        if (_thread is { } thread)
        {
            _stopping!.Cancel();
            Kick.Signal();
            thread.Join();
            _thread = null;
            _stopping.Dispose();
            Kick.Take();
        }
    }

    private void Process(VirtQueue queue, IVirtioQueueHandler handler, CancellationToken stop)
    {
        QueueProcessResult result = handler.Process(queue, stop);
        Interlocked.Add(ref _requests, result.Requests);
        _bufferFailures.Add(result);
        if (result.Notify)
        {
            _notify();
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "A device that fails asks its driver for a reset; the machine goes on.")]
    private void Serve(VirtQueue queue, IVirtioQueueHandler handler, CancellationToken stop)
    {
        var overlapped = handler as IOverlappedQueueHandler;
        try
        {
            HyperspanEnvironment.PrepareThread();
            while (!stop.IsCancellationRequested)
            {
                Process(queue, handler, stop);
                if (queue.IsBroken)
                {
                    _failed($"{_name}, queue {_index}: {queue.Error}");
                    break;
                }

                if (overlapped is null)
                {
                    Kick.Wait(Timeout.InfiniteTimeSpan);
                }
                else
                {
                    overlapped.Wait(Kick.Handle, stopping: null, timeoutMilliseconds: -1);
                }

                Kick.Take();
            }

            // What is in flight comes back before the ring is anybody else's.
            overlapped?.CancelRequests();
            while (overlapped is { InFlight: > 0 })
            {
                overlapped.Wait(kick: null, stopping: null, timeoutMilliseconds: -1);
                Process(queue, handler, new CancellationToken(canceled: true));
            }

            overlapped?.Rest();
        }
        catch (Exception e)
        {
            _failed($"{_name}, queue {_index}: {e.Message}");
        }
        finally
        {
            handler.Dispose();
        }
    }

    public void Dispose()
    {
        Stop();
        _bufferFailures.End();
        Kick.Dispose();
    }
}
