using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

using Hyperspan.Interop.Linux;
using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>Serves one started ring by a thread that waits for kicks. The thread ends to pause, always between two requests, and another goes on.</summary>
/// <remarks>Everything but what the thread itself does is called by the thread of the connection, or while that one is stopped.</remarks>
internal sealed class RingWorker : IVirtQueueNotifier, IDisposable
{
    // Without a descriptor for kicks the ring is looked at this often (vhost-user: the invalid-descriptor flag of SET_VRING_KICK asks for polling).
    private const int PollingMilliseconds = 1;

    // After so many kicks in a row without a request the ring is looked at once a millisecond: an eventfd may be a semaphore, which one look does not empty.
    private const int MostIdleKicks = 64;

    // So often, 50 ms apart, a thread that signals is freed: two seconds.
    private const int MostTries = 40;

    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    // After so long it is said that a thread is waited for: five seconds.
    private const int TriesUntilTold = 100;

    private readonly int _index;
    private readonly IVirtioQueueHandler _handler;
    private readonly RingSignals _signals;
    private readonly InflightQueue? _inflight;
    private readonly VhostUserStatistics _statistics;
    private readonly Action<RingWorker, GuestMemoryFault, VirtQueueError, Exception?> _failed;
    private readonly EventDescriptor _stop = EventDescriptor.Create();
    private VirtQueue _queue;
    private EventDescriptor? _kick;
    private CancellationTokenSource _stopping = new();
    private Thread? _thread;
    private int _idleKicks;

    /// <summary>Initializes a new instance of the <see cref="RingWorker"/> class that does nothing yet.</summary>
    /// <param name="index">The queue's index.</param>
    /// <param name="queue">The queue, not broken.</param>
    /// <param name="handler">What serves it; disposed with the worker.</param>
    /// <param name="kick">The event of the front end, or <see langword="null"/> to look at the ring all the time; disposed with the worker.</param>
    /// <param name="signals">The events to signal.</param>
    /// <param name="inflight">The record of requests in flight, if there is one.</param>
    /// <param name="statistics">Where requests are counted.</param>
    /// <param name="failed">Called on the worker's thread, as the last thing it does, when the queue, its memory, or the handler failed.</param>
    internal RingWorker(
        int index,
        VirtQueue queue,
        IVirtioQueueHandler handler,
        EventDescriptor? kick,
        RingSignals signals,
        InflightQueue? inflight,
        VhostUserStatistics statistics,
        Action<RingWorker, GuestMemoryFault, VirtQueueError, Exception?> failed)
    {
        _index = index;
        _handler = handler;
        _kick = kick;
        _signals = signals;
        _inflight = inflight;
        _statistics = statistics;
        _failed = failed;
        Adopt(queue);
    }

    internal int Index => _index;

    internal bool IsRunning => _thread is not null;

    /// <summary>Gets a value indicating whether the thread has ended, or there is none.</summary>
    internal bool HasEnded => _thread is not { IsAlive: true };

    /// <summary>Gets what is called, by the thread of the connection, when a thread that is to stop does not for long.</summary>
    internal Action<RingWorker>? OnStuck { get; init; }

    /// <summary>Gets the next index of the available ring; only while paused.</summary>
    internal ushort NextAvailable => _queue.NextAvailable;

    /// <summary>Starts or goes on, beginning with a look at the ring: what was made available before needs no kick.</summary>
    /// <exception cref="IOException">There are too many threads.</exception>
    internal void Resume()
    {
        if (_thread is null && !_queue.IsBroken)
        {
            var thread = new Thread(Serve) { IsBackground = true, Name = $"vhost-user queue {_index}" };
            try
            {
                thread.Start();
            }
            catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
            {
                throw new IOException(
                    $"the thread of queue {_index} cannot be started: no more threads are allowed here (RLIMIT_NPROC, or pids of the control group), or memory is short", e);
            }

            // Not before: one that could not be started cannot be waited for.
            _thread = thread;
        }
    }

    /// <summary>Stops after the request at hand. However long that takes: until then its memory and the image are in use.</summary>
    /// <exception cref="IOException">The front end keeps the thread in a signal. It will do no more than end, but nothing says when.</exception>
    internal void Pause()
    {
        if (_thread is not { } thread)
        {
            return;
        }

        _stopping.Cancel();
        _stop.Signal();
        bool freed = false;
        int tries = 0;
        int waits = 0;
        while (!thread.Join(Patience))
        {
            if (++waits == TriesUntilTold)
            {
                OnStuck?.Invoke(this);
            }

            // The thread may be in a write to an event that the front end has filled and made blocking.
            freed = true;
            tries = _signals.IsSignalling ? tries + 1 : 0;
            if (tries > MostTries)
            {
                throw new IOException($"queue {_index} cannot be stopped: the front end fills its event as fast as it is emptied");
            }

            Free();
        }

        if (freed)
        {
            _signals.Restore(_queue.IsBroken);
        }

        _thread = null;
        _stop.Drain();
        _stopping.Dispose();
        _stopping = new CancellationTokenSource();
    }

    /// <summary>Lets the thread go on, where the front end keeps it in a signal.</summary>
    internal void Free()
    {
        _signals.Free();
        _kick?.FreeReader();
    }

    /// <summary>Goes on in other memory; only while paused.</summary>
    internal void Move(GuestMemory memory, VirtQueueLayout layout)
    {
        if (_queue.IsBroken)
        {
            return;
        }

        // Nothing is in flight between two requests, except for what an earlier back end had begun and has not been taken yet.
        var queue = new VirtQueue(memory, layout, _queue.Features, _queue.NextAvailable, _queue.UsedIndex);
        if (_inflight is not null)
        {
            queue.Resubmit(_inflight.Pending());
        }

        Adopt(queue);
    }

    /// <summary>Uses another event for kicks; only while paused.</summary>
    internal void SetKick(EventDescriptor? kick)
    {
        _kick?.Dispose();
        _kick = kick;
    }

    /// <inheritdoc/>
    public void Notify()
    {
        if (_signals.Call())
        {
            _statistics.AddNotification();
        }
    }

    public void Dispose()
    {
        Pause();
        try
        {
            _handler.Dispose();
        }
        finally
        {
            _kick?.Dispose();
            _stop.Dispose();
            _stopping.Dispose();
        }
    }

    [MemberNotNull(nameof(_queue))]
    private void Adopt(VirtQueue queue)
    {
        queue.InflightTracker = _inflight;
        queue.Notifier = this;
        _queue = queue;
    }

    [SuppressMessage("Design", "CA1031", Justification = "A handler that fails ends its connection, not the process.")]
    private void Serve()
    {
        try
        {
            HyperspanEnvironment.PrepareThread();
            CancellationToken stop = _stopping.Token;
            while (Process(stop) && AwaitKick())
            {
            }
        }
        catch (Exception e)
        {
            _failed(this, default, default, e);
        }
    }

    /// <summary>Serves what is available.</summary>
    /// <returns>Whether to go on.</returns>
    private bool Process(CancellationToken stop)
    {
        QueueProcessResult result = _handler.Process(_queue, stop);
        _idleKicks = result.Requests == 0 ? _idleKicks + 1 : 0;
        if (result.Requests != 0)
        {
            _statistics.AddRequests(result.Requests, result.Bytes);
        }

        if (result.Notify)
        {
            Notify();
        }

        VirtQueueError error = _queue.Error;
        GuestMemoryFault fault = error.Fault.IsFault ? error.Fault : _inflight?.Fault ?? default;
        if (!error.IsError && !fault.IsFault)
        {
            return !stop.IsCancellationRequested;
        }

        _signals.Error();
        _failed(this, fault, error, null);
        return false;
    }

    /// <summary>Waits until there may be more.</summary>
    /// <returns>Whether to go on.</returns>
    private bool AwaitKick()
    {
        EventDescriptor? kick = _kick;
        if (_idleKicks > MostIdleKicks && Waiting.For(null, PollEvents.None, _stop, PollingMilliseconds, out _))
        {
            return false;
        }

        if (Waiting.For(kick?.Handle, PollEvents.In, _stop, kick is null ? PollingMilliseconds : -1, out PollEvents ready))
        {
            return false;
        }

        if (kick is null || ((ready & PollEvents.In) != PollEvents.None && kick.Drain()))
        {
            return true;
        }

        // The other end of a pipe was closed. Nothing more will come of this ring; the connection itself tells whether the front end is gone.
        Debug.Assert(ready != 0, "poll waited without a limit");
        return false;
    }
}
