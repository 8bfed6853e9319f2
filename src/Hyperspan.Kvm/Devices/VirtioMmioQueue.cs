using System.Diagnostics.CodeAnalysis;

using Hyperspan.Virtio;

namespace Hyperspan.Kvm;

/// <summary>One queue behind virtio-mmio: what the driver says about it, and, once it is ready, the thread that serves it.</summary>
internal sealed class VirtioMmioQueue : IVirtQueueNotifier, IDisposable
{
    // Of requests that do not return, so many are named.
    private const int MostNamed = 4;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly string _name;
    private readonly int _index;
    private readonly Action _notify;
    private readonly Action<string> _failed;
    private readonly Action<string> _told;
    private readonly BufferFailureLog _bufferFailures;
    private Thread? _thread;
    private VirtQueue? _queue;
    private IOverlappedQueueHandler? _overlapped;
    private CancellationTokenSource? _stopping;
    private bool _isResetting;
    private bool _isPausing;
    private bool _hasEnded;
    private bool _hasFailed;
    private Abandonment _abandonment;
    private long _requests;

    internal VirtioMmioQueue(string name, int index, Action notify, Action<string> failed, Action<string> told)
    {
        _name = name;
        _index = index;
        _notify = notify;
        _failed = failed;
        _told = told;
        _bufferFailures = new BufferFailureLog((text, _) => told($"{Name}: {text}"));
    }

    /// <summary>Gets what it is called in what is told of it.</summary>
    internal string Name => $"{_name}, queue {_index}";

    /// <summary>Gets the event that is signaled when the driver has made something available, or to stop.</summary>
    internal EventFile Kick { get; } = new();

    internal ushort Size { get; set; }

    internal ulong Descriptors { get; set; }

    internal ulong Driver { get; set; }

    internal ulong Device { get; set; }

    /// <summary>Gets or sets a value indicating whether the driver said that it is ready.</summary>
    internal bool IsReady { get; set; }

    /// <summary>Gets a value indicating whether a thread serves it, or ends; or it has failed, and nobody is to serve it before it is reset.</summary>
    internal bool IsServed => _thread is not null || _hasFailed;

    /// <summary>Gets a value indicating whether it is being reset by itself: requests may still be in flight.</summary>
    internal bool IsResetting => Volatile.Read(ref _isResetting);

    /// <summary>Gets or sets what says whether <see cref="Dispose"/> is to wait any longer for what is in flight.</summary>
    internal Func<bool> MayWaitToEnd { get; set; } = static () => true;

    /// <summary>Gets what is called when its thread has ended after a pause that was given up: it may be served again.</summary>
    internal Action? OnLateEnd { get; init; }

    internal long Requests => Interlocked.Read(ref _requests);

    private bool IsAbandoned => _abandonment.IsAbandoned;

    internal VirtQueueLayout Layout => new(Size, Descriptors, Driver, Device);

    public void Notify()
    {
        // A driver that resets the queue is not notified for it any more, and where nobody waited for it there is none.
        if (!IsResetting && !IsAbandoned)
        {
            _notify();
        }
    }

    /// <summary>Gets or sets where to go on, once it has been paused: the next available index and the used one.</summary>
    internal (ushort Next, ushort Used)? Position { get; set; }

    /// <summary>Starts to serve it. The layout has been checked.</summary>
    internal void Start(IVirtioDevice device, GuestMemory memory, ulong features)
    {
        // A fresh queue begins at the beginning, whatever its memory held before.
        ushort? start = (features & VirtioFeatures.PackedRing) != 0 ? null : 0;
        var queue = new VirtQueue(memory, Layout, VirtioFeatures.ForQueue(features), Position?.Next, Position?.Used ?? start) { Notifier = this };
        _queue = queue;
        IVirtioQueueHandler handler = device.CreateQueueHandler(_index, features);
        _overlapped = handler as IOverlappedQueueHandler;
        _stopping = new CancellationTokenSource();
        _hasEnded = false;
        _abandonment.Reset();
        CancellationToken stop = _stopping.Token;
        var thread = new Thread(() => Serve(queue, handler, stop)) { IsBackground = true, Name = $"{_name} queue {_index}" };
        thread.Start();

        // Not before: one that could not be started cannot be waited for.
        _thread = thread;
    }

    /// <summary>Stops once nothing is in flight, and forgets what the driver said.</summary>
    /// <param name="mayWait">Whether to wait any longer.</param>
    /// <returns>Whether it is done; else it is on its way there.</returns>
    internal bool TryReset(Func<bool> mayWait)
    {
        if (!TryStop(mayWait))
        {
            return false;
        }

        Size = 0;
        Descriptors = Driver = Device = 0;
        IsReady = false;
        Volatile.Write(ref _isResetting, false);
        return true;
    }

    /// <summary>Begins to reset it alone, without waiting: what is in flight is asked to end, and returned; nothing more is taken.</summary>
    internal void BeginReset()
    {
        if (_thread is null)
        {
            TryReset(static () => true);
            return;
        }

        Volatile.Write(ref _isResetting, true);
        _stopping!.Cancel();
        Kick.Signal();
    }

    /// <summary>Ends a reset that was begun, once nothing is in flight. Whoever looks at the queue does so first.</summary>
    internal void EndReset()
    {
        // What is left of the thread waits for nothing.
        if (IsResetting && Volatile.Read(ref _hasEnded))
        {
            TryReset(static () => true);
        }
    }

    /// <summary>
    /// Stops once nothing is in flight, and remembers where it was. One that is broken stays so until it is reset: nothing is remembered of it. One that is being reset is so
    /// afterwards.
    /// </summary>
    /// <param name="mayWait">Whether to wait any longer.</param>
    /// <returns>Whether it is done; else it is once what is in flight has returned, and <see cref="Settle"/> finds it so.</returns>
    internal bool TryPause(Func<bool> mayWait)
    {
        if (IsResetting)
        {
            return TryReset(mayWait);
        }

        if (_thread is not null)
        {
            Volatile.Write(ref _isPausing, true);
            if (!TryHalt(mayWait))
            {
                return false;
            }

            Remember();
        }

        return true;
    }

    /// <summary>Takes note that its thread has ended after a pause that was given up.</summary>
    internal void Settle()
    {
        if (_isPausing && !IsResetting && Volatile.Read(ref _hasEnded) && TryHalt(static () => true))
        {
            Remember();
        }
    }

    /// <summary>Stops once nothing is in flight.</summary>
    /// <param name="mayWait">Whether to wait any longer.</param>
    /// <returns>Whether it is done.</returns>
    internal bool TryStop(Func<bool> mayWait)
    {
        if (!TryHalt(mayWait))
        {
            return false;
        }

        Position = null;
        _hasFailed = false;
        _isPausing = false;
        return true;
    }

    /// <summary>Stops; or leaves its thread to itself, where <see cref="MayWaitToEnd"/> says so.</summary>
    public void Dispose()
    {
        if (!TryStop(MayWaitToEnd) && _abandonment.TryAbandon())
        {
            string requests = Describe();
            _overlapped?.Abandon();
            _told($"{requests} does not end, and is left to itself");
            return;
        }

        // A thread that ended at the last moment waits for nothing any more.
        TryStop(static () => true);
        _bufferFailures.End();
        Kick.Dispose();
    }

    /// <summary>Names what is in flight.</summary>
    internal string Describe()
    {
        string requests = _overlapped?.DescribeInFlight(TimeSpan.Zero, MostNamed) is { Count: > 0 } names ? string.Join("; ", names) : "a request";
        return $"{Name}: {requests}";
    }

    private void Remember()
    {
        Position = _queue is { IsBroken: false, InFlight: 0 } queue ? (queue.NextAvailable, queue.UsedIndex) : null;
        _hasFailed = Position is null;
        _isPausing = false;
    }

    private bool TryHalt(Func<bool> mayWait)
    {
        if (_thread is { } thread)
        {
            _stopping!.Cancel();
            Kick.Signal();
            while (!thread.Join(Look))
            {
                if (!mayWait())
                {
                    return false;
                }
            }

            _thread = null;
            _stopping.Dispose();
            Kick.Take();
        }

        return true;
    }

    private void Account(QueueProcessResult result)
    {
        Interlocked.Add(ref _requests, result.Requests);
        _bufferFailures.Add(result);
        if (result.Notify)
        {
            Notify();
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "A device that fails asks its driver for a reset; the machine goes on.")]
    private void Serve(VirtQueue queue, IVirtioQueueHandler handler, CancellationToken stop)
    {
        var overlapped = handler as IOverlappedQueueHandler;
        overlapped?.MayOverlap = true;
        try
        {
            HyperspanEnvironment.PrepareThread();
            while (!stop.IsCancellationRequested)
            {
                Account(handler.Process(queue, stop));
                if (queue.IsBroken)
                {
                    Fail(queue.Error.ToString());
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
        }
        catch (Exception e)
        {
            Fail(e.Message);
        }

        if (overlapped is not null)
        {
            QueueDrain.Run(overlapped, queue, Account, e => Fail(e.Message));
        }

        Release(handler);
        Volatile.Write(ref _hasEnded, true);

        if (!_abandonment.TryEnd())
        {
            Kick.Dispose();
        }
        else if (Volatile.Read(ref _isPausing))
        {
            OnLateEnd?.Invoke();
        }
    }

    private void Fail(string reason)
    {
        if (!IsAbandoned)
        {
            _failed($"{Name}: {reason}");
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "A device that fails asks its driver for a reset; the machine goes on.")]
    private void Release(IVirtioQueueHandler handler)
    {
        try
        {
            handler.Dispose();
        }
        catch (Exception e)
        {
            Fail(e.Message);
        }
    }
}
