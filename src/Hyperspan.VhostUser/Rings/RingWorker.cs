using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

using Hyperspan.Interop.Linux;
using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>
/// Serves one started ring by a thread that waits for kicks. The thread ends to pause, when nothing is in flight any more, and another goes on: docs/devices.md has the
/// states.
/// </summary>
/// <remarks>Everything but what the thread itself does is called by the thread of the connection, or while that one is stopped.</remarks>
internal sealed class RingWorker : IVirtQueueNotifier, IDisposable
{
    // Without a descriptor for kicks the ring is looked at this often (vhost-user: the invalid-descriptor flag of SET_VRING_KICK asks for polling).
    private const int PollingMilliseconds = 1;

    // After so many kicks in a row without a request the ring is looked at once a millisecond: an eventfd may be a semaphore, which one look does not empty.
    private const int MostIdleKicks = 64;

    // So often, 50 ms apart, a thread that signals is freed: two seconds.
    private const int MostTries = 40;

    // Of requests that do not return, so many are named.
    private const int MostNamed = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    // After so many waits it is said that a thread is waited for: five seconds.
    private const int TriesUntilTold = 100;

    // What has been in flight for longer is told, once for each time that something has.
    private static readonly TimeSpan SlowRequest = TimeSpan.FromSeconds(30);

    private readonly int _index;
    private readonly IVirtioQueueHandler _handler;
    private readonly IOverlappedQueueHandler? _overlapped;
    private readonly RingSignals _signals;
    private readonly InflightQueue? _inflight;
    private readonly VhostUserStatistics _statistics;
    private readonly Action<RingWorker, GuestMemoryFault, VirtQueueError, Exception?> _failed;
    private readonly EventDescriptor _stop = EventDescriptor.Create();
    private readonly BufferFailureLog _bufferFailures;
    private VirtQueue? _queue;

    // Where memory is translated: makes the queue, on its thread; and where that begins.
    private Func<VirtQueue>? _open;
    private VringBase _start;
    private EventDescriptor? _kick;
    private CancellationTokenSource _stopping = new();
    private Thread? _thread;
    private long _stoppingSince;
    private Abandonment _abandonment;
    private bool _isSlow;

    // How often it was freed since it was asked to stop, and whether that is to be made good.
    private int _tries;
    private bool _isFreed;
    private bool _hasLooked;
    private int _idleKicks;

    /// <summary>Initializes a new instance of the <see cref="RingWorker"/> class that does nothing yet.</summary>
    /// <param name="index">The queue's index.</param>
    /// <param name="queue">The queue, not broken; <see langword="null"/> where <see cref="OpenBy"/> is to be called.</param>
    /// <param name="handler">What serves it; disposed with the worker.</param>
    /// <param name="kick">The event of the front end, or <see langword="null"/> to look at the ring all the time; disposed with the worker.</param>
    /// <param name="signals">The events to signal.</param>
    /// <param name="inflight">The record of requests in flight, if there is one.</param>
    /// <param name="statistics">Where requests are counted.</param>
    /// <param name="failed">Called on the worker's thread, before it waits for what is in flight and ends, when the queue, its memory, or the handler failed.</param>
    internal RingWorker(
        int index,
        VirtQueue? queue,
        IVirtioQueueHandler handler,
        EventDescriptor? kick,
        RingSignals signals,
        InflightQueue? inflight,
        VhostUserStatistics statistics,
        Action<RingWorker, GuestMemoryFault, VirtQueueError, Exception?> failed)
    {
        _index = index;
        _handler = handler;
        _overlapped = handler as IOverlappedQueueHandler;
        _overlapped?.MayOverlap = true;
        _kick = kick;
        _signals = signals;
        _inflight = inflight;
        _statistics = statistics;
        _failed = failed;
        _bufferFailures = new BufferFailureLog(TellBufferFault);
        if (queue is not null)
        {
            Adopt(queue);
        }
    }

    internal int Index => _index;

    /// <summary>Gets a value indicating whether the thread has ended, or there is none.</summary>
    internal bool HasEnded => _thread is not { IsAlive: true };

    /// <summary>Gets what is called, by the thread of the connection, when a thread that is to stop does not for long, with what it waits for.</summary>
    internal Action<RingWorker, string>? OnStuck { get; init; }

    /// <summary>Gets what is called, by the worker's thread, with the names of requests that take long.</summary>
    internal Action<RingWorker, string>? OnSlow { get; init; }

    /// <summary>Gets what is called, by the worker's thread, when requests have failed for their buffers.</summary>
    internal Action<RingWorker, string, GuestMemoryFault>? OnBufferFault { get; init; }

    /// <summary>Gets what the queue has in use of translations, where its memory is translated.</summary>
    internal RingGate? Gate { get; init; }

    /// <summary>Gets how long requests in flight are waited for when the queue is to stop.</summary>
    internal TimeSpan StopTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>Gets a value indicating whether its thread did not end in time: then it, the memory and the image are left to each other.</summary>
    internal bool IsAbandoned => _abandonment.IsAbandoned;

    /// <summary>Gets where it goes on; only while paused.</summary>
    internal VringBase Base => _queue is { } queue && _open is null ? VringBase.Of(queue) : _start;

    private bool IsBroken => _queue is { IsBroken: true };

    /// <summary>Has the thread make the queue when it starts, in memory that may wait for the thread of the connection; only while paused.</summary>
    /// <param name="open">Makes it. What fails because the thread is to stop is done again when it goes on.</param>
    /// <param name="start">Where the queue begins, as far as is known.</param>
    internal void OpenBy(Func<VirtQueue> open, VringBase start) => (_open, _start) = (open, start);

    /// <summary>Whether it uses translations of a range, first and last address; not while it is paused. By the thread of the connection.</summary>
    internal bool Uses(ulong first, ulong last) => _thread is not null && Gate?.Uses(first, last) == true;

    /// <summary>A chain that was held back may be taken by now. By any thread.</summary>
    internal void LookAgain()
    {
        if (_queue is { IsHeldBack: true })
        {
            _overlapped?.Wake();
        }
    }

    /// <summary>Starts or goes on, beginning with a look at the ring: what was made available before needs no kick.</summary>
    /// <exception cref="IOException">There are too many threads.</exception>
    internal void Resume()
    {
        if (_thread is null && !IsBroken)
        {
            _abandonment.Reset();
            var thread = new Thread(Serve) { IsBackground = true, Name = $"vhost-user queue {_index}" };
            try
            {
                thread.Start();
            }
            catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
            {
                throw new IOException(
                    $"the thread of queue {_index} cannot be started: no more threads (RLIMIT_NPROC, pids of the control group) "
                + "or open files (RLIMIT_NOFILE) are allowed here, or memory is short",
                e);
            }

            // Not before: one that could not be started cannot be waited for.
            _thread = thread;
        }
    }

    /// <summary>Asks the thread to stop, without waiting for it: several queues are drained at the same time.</summary>
    internal void BeginPause()
    {
        if (_thread is not null && _stoppingSince == 0)
        {
            _stoppingSince = Stopwatch.GetTimestamp();
            _stopping.Cancel();
            _stop.Signal();
        }
    }

    /// <summary>
    /// Frees threads that are to stop and that the front end keeps in a signal: all of them at the same time, as one after the other takes many queues many times as long. What is
    /// kept no longer, or by something else, is left to <see cref="Pause"/>.
    /// </summary>
    internal static void FreeAll(IReadOnlyList<RingWorker> workers)
    {
        bool isKept = true;
        for (int round = 0; isKept && round <= MostTries; round++)
        {
            long end = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
            isKept = false;
            foreach (RingWorker worker in workers)
            {
                isKept |= worker is { _thread: { } thread, IsAbandoned: false }
                    && !thread.Join((int)Math.Max(0, end - Environment.TickCount64)) && worker.TryFree();
            }
        }
    }

    /// <summary>Stops when what is in flight has returned, and has been returned to the driver: until then its memory and the image are in use.</summary>
    /// <exception cref="IOException">
    /// A request does not return in time: the worker is abandoned. Or the front end keeps the thread in a signal. The thread will do no more than end, but nothing says
    /// when.
    /// </exception>
    internal void Pause()
    {
        if (_thread is not { } thread)
        {
            return;
        }

        if (IsAbandoned)
        {
            throw new IOException($"queue {_index} has not stopped");
        }

        BeginPause();
        int waits = 0;
        while (!thread.Join(_tries > MostTries ? TimeSpan.Zero : Patience))
        {
            if (++waits == TriesUntilTold)
            {
                OnStuck?.Invoke(this, DescribeInFlight());
            }

            // The thread may be in a write to an event that the front end has filled and made blocking: the event is emptied. One that was a signal to an honest
            // front end is made again at once: it may wait for what has been returned while the rest is still in flight.
            if (!TryFree())
            {
                _tries = 0;
                MakeGood();
            }

            if (_tries > MostTries)
            {
                // It will do no more than end; until then it is waited for, since nothing but the front end holds it.
                throw new IOException($"queue {_index} cannot be stopped: the front end fills its event as fast as it is emptied");
            }

            if (_tries == 0 && StopTimeout > TimeSpan.Zero && Stopwatch.GetElapsedTime(_stoppingSince) >= StopTimeout)
            {
                Abandon();
            }

            _kick?.UnblockReader();
        }

        MakeGood();
        _tries = 0;
        _thread = null;
        _stoppingSince = 0;
        _stop.Drain();
        _stopping.Dispose();
        _stopping = new CancellationTokenSource();
    }

    /// <summary>Frees the thread where the front end keeps it in a signal.</summary>
    /// <returns>Whether it was in one.</returns>
    private bool TryFree()
    {
        if (!_signals.IsSignalling)
        {
            return false;
        }

        _tries++;
        _isFreed = true;
        _signals.Unblock();
        return true;
    }

    /// <summary>Signals again what was taken away to free the thread.</summary>
    private void MakeGood()
    {
        if (_isFreed)
        {
            _isFreed = false;
            _signals.Restore(IsBroken);
        }
    }

    /// <summary>Lets the thread go on, where the front end keeps it in a signal.</summary>
    internal void Unblock()
    {
        _signals.Unblock();
        _kick?.UnblockReader();
    }

    /// <summary>Goes on in other memory; only while paused.</summary>
    internal void Move(GuestMemory memory, VirtQueueLayout layout)
    {
        if (_queue is not { IsBroken: false } before)
        {
            return;
        }

        // Nothing is in flight between two requests, except for what an earlier back end had begun and has not been taken yet.
        (VirtQueueFeatures features, ushort available, ushort used) = (before.Features, before.NextAvailable, before.UsedIndex);
        VirtQueue Reopen()
        {
            if (Gate is not null)
            {
                UnreachableRingException.ThrowIfRefused(memory, layout, features);
            }

            var queue = new VirtQueue(memory, layout, features, available, used) { BufferGate = Gate };
            _inflight?.Resubmit(queue);
            return queue;
        }

        if (Gate is null)
        {
            Adopt(Reopen());
        }
        else
        {
            OpenBy(Reopen, VringBase.Of(before));
        }
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
        _bufferFailures.End();
        Release();
    }

    private void Release()
    {
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

    /// <summary>Gives up waiting for the thread, unless it ends at this very moment.</summary>
    private void Abandon()
    {
        if (_abandonment.TryAbandon())
        {
            string requests = DescribeInFlight();
            _overlapped?.Abandon();
            throw new IOException($"queue {_index} cannot be stopped: {requests}");
        }
    }

    private string DescribeInFlight() =>
        _overlapped?.DescribeInFlight(TimeSpan.Zero, MostNamed) is { Count: > 0 } names ? string.Join("; ", names) + ": does not end" : "its request does not end";

    [MemberNotNull(nameof(_queue))]
    private void Adopt(VirtQueue queue)
    {
        queue.InflightTracker = _inflight?.Tracker;
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
            DeviceIotlb.StopThreadBy(stop);
            if (Gate?.AwaitRings(stop) == false)
            {
                // It stopped before it had seen anything: nothing is in flight, and nothing of it is written.
                _hasLooked = false;
            }
            else
            {
                _hasLooked = true;
                while (TryOpen(stop) && Process(stop) && AwaitKick())
                {
                }
            }
        }
        catch (Exception e)
        {
            Fail(e);
        }

        End();
    }

    /// <summary>Makes the queue, where that is the thread's to do.</summary>
    /// <returns>Whether it is there. Where not, the thread is to stop: what it lies in could not be waited for.</returns>
    private bool TryOpen(CancellationToken stop)
    {
        if (_open is not { } open)
        {
            return true;
        }

        try
        {
            Gate?.Clear();
            VirtQueue queue = open();
            if (queue.IsBroken && stop.IsCancellationRequested)
            {
                return false;
            }

            _open = null;
            Adopt(queue);
            return true;
        }
        catch (UnreachableRingException e)
        {
            if (!stop.IsCancellationRequested)
            {
                Break(e.Error.Fault, e.Error);
            }

            return false;
        }
        catch (Exception e) when (e is ProtocolViolation or ArgumentException)
        {
            if (!stop.IsCancellationRequested)
            {
                Fail(new ProtocolViolation($"ring {_index}: {e.Message}"));
            }

            return false;
        }
    }

    /// <summary>Waits for what is in flight and returns it; then nobody is in the queue, its memory and the handler any more.</summary>
    private void End()
    {
        if (_hasLooked && _overlapped is { } handler && _queue is { } queue)
        {
            QueueDrain.Run(handler, queue, result => Account(result), Fail);
        }

        if (!_abandonment.TryEnd())
        {
            EndAbandoned();
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Nobody is left to be told.")]
    private void EndAbandoned()
    {
        try
        {
            Release();
        }
        catch (Exception e)
        {
            Trace.TraceError(e.ToString());
        }
    }

    private void Fail(Exception failure)
    {
        if (!IsAbandoned)
        {
            _failed(this, default, default, failure);
        }
    }

    /// <summary>Serves what is available.</summary>
    /// <returns>Whether to go on.</returns>
    private bool Process(CancellationToken stop)
    {
        VirtQueue queue = _queue!;
        ushort before = queue.NextAvailable;
        QueueProcessResult result = _handler.Process(queue, stop);
        _idleKicks = result.Requests == 0 && queue.NextAvailable == before ? _idleKicks + 1 : 0;
        Account(result);
        VirtQueueError error = queue.Error;
        GuestMemoryFault fault = error.Fault.IsFault ? error.Fault : _inflight?.Fault ?? default;
        if (!error.IsError && !fault.IsFault)
        {
            return !stop.IsCancellationRequested;
        }

        Break(fault, error);
        return false;
    }

    private void Break(in GuestMemoryFault fault, in VirtQueueError error)
    {
        if (!IsAbandoned)
        {
            _signals.Error();
            _failed(this, fault, error, null);
        }
    }

    private void Account(in QueueProcessResult result)
    {
        if (result.Requests != 0)
        {
            _statistics.AddRequests(result.Requests, result.Bytes);
        }

        if (result.BufferFailures != 0)
        {
            _statistics.AddBufferFailures(result.BufferFailures);
        }

        _bufferFailures.Add(result);
        if (result.Notify)
        {
            Notify();
        }
    }

    private void TellBufferFault(string text, GuestMemoryFault fault)
    {
        if (!IsAbandoned)
        {
            OnBufferFault?.Invoke(this, text, fault);
        }
    }

    /// <summary>Waits until there may be more.</summary>
    /// <returns>Whether to go on.</returns>
    private bool AwaitKick() => _overlapped is { } handler ? AwaitKickOrCompletion(handler) : AwaitKickAlone();

    private bool AwaitKickOrCompletion(IOverlappedQueueHandler handler)
    {
        EventDescriptor? kick = _kick;
        bool isRested = _idleKicks > MostIdleKicks;
        int timeout = kick is null || isRested || _queue!.IsHeldBack ? PollingMilliseconds : handler.InFlight != 0 ? (int)SlowRequest.TotalMilliseconds : -1;
        QueueWake wake = handler.Wait(isRested ? null : kick?.Handle, _stop.Handle, timeout);
        if ((wake & QueueWake.Completion) != 0)
        {
            // Not for nothing, whatever comes of it.
            _idleKicks = 0;
        }

        if (wake == QueueWake.None && timeout > PollingMilliseconds)
        {
            TellSlow(handler);
        }

        if ((wake & QueueWake.Stop) != 0)
        {
            return false;
        }

        return (wake & QueueWake.Kick) != 0 ? kick!.Drain() : (wake & QueueWake.KickClosed) == 0;
    }

    /// <summary>Names requests that have been in flight for long, when the first of them has.</summary>
    private void TellSlow(IOverlappedQueueHandler handler)
    {
        IReadOnlyList<string> names = handler.DescribeInFlight(SlowRequest, MostNamed);
        if (names.Count != 0 && !_isSlow)
        {
            OnSlow?.Invoke(this, string.Join("; ", names));
        }

        _isSlow = names.Count != 0;
    }

    private bool AwaitKickAlone()
    {
        EventDescriptor? kick = _kick;
        if (_idleKicks > MostIdleKicks && Waiting.For(null, PollEvents.None, _stop, PollingMilliseconds, out _))
        {
            return false;
        }

        if (Waiting.For(kick?.Handle, PollEvents.In, _stop, kick is null || _queue!.IsHeldBack ? PollingMilliseconds : -1, out PollEvents ready))
        {
            return false;
        }

        if (kick is null || ((ready & PollEvents.In) != PollEvents.None && kick.Drain()))
        {
            return true;
        }

        if (ready == PollEvents.None)
        {
            // A chain is held back, and may be taken by now.
            return true;
        }

        // The other end of a pipe was closed. Nothing more will come of this ring; the connection itself tells whether the front end is gone.
        return false;
    }
}
