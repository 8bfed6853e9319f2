using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

using Hyperspan.Streaming;

namespace Hyperspan.Virtio;

/// <summary>
/// Serves a queue request by request: at once, or later, in any order and on any thread. To be derived from, by a device whose queue it is.
/// </summary>
/// <remarks>
/// <para>
/// In flight are at most as many requests as the queue has descriptors: that is what holds up the driver, and nothing else needs to. A request object and its lists are
/// used again, so that nothing is allocated on the way.
/// </para>
/// <para>
/// A handler that completes at once returns <see langword="true"/> from <see cref="TryServe"/>. One that waits for something keeps the request, returns
/// <see langword="false"/>, and calls <see cref="QueueRequest.Complete"/> when it has it. One that is asynchronous calls <see cref="QueueRequest.CompleteAfter"/>.
/// </para>
/// <para>
/// A buffer that cannot be accessed (refused by the guest's IOMMU, restricted, or gone with its file) fails its request and nothing else, whether the handler says so
/// (<see cref="QueueRequest.Fail"/>, <see cref="Answer"/>) or throws: a <see cref="GuestMemoryException"/> from <see cref="TryServe"/>, or from the task of
/// <see cref="QueueRequest.CompleteAfter"/>, means that request, and returns it to the driver with nothing written. <see cref="QueueProcessResult.BufferFailures"/> counts them.
/// Rings and descriptor tables that cannot be accessed break the queue. Any other exception fails the handler.
/// </para>
/// <example>
/// <code>
/// protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
/// {
///     written = 0;
///     request.CompleteAfter(AnswerAsync(request, Stopping));
///     return false;
/// }
/// </code>
/// </example>
/// </remarks>
[DebuggerDisplay("{InFlight} requests in flight")]
public abstract class RequestQueueHandler : IOverlappedQueueHandler
{
    // With a notifier, the driver hears of what is done before the whole queue is: often enough that it can go on meanwhile, seldom enough that
    // interrupts do not eat what is won.
    private const int NotifyRequests = 8;
    private const ulong NotifyBytes = 256 * 1024;

    // So many requests are begun together at most, where the driver makes more available without end.
    private const uint LargestBatch = 32;

    private readonly CompletionSignal _signal = new();
    private readonly Lock _gate = new();
    private QueueRequest[] _all = [];
    private int _allCount;
    private QueueRequest? _free;
    private QueueRequest? _posted;
    private bool _isAsked;
    private int _inFlight;
    private CancellationTokenSource? _stopping;
    private uint _requests;
    private uint _notifiedRequests;
    private ulong _bytes;
    private ulong _notifiedBytes;
    private uint _bufferFailures;
    private GuestMemoryFault? _bufferFault;

    /// <inheritdoc/>
    public virtual bool MayOverlap { get; set; }

    /// <inheritdoc/>
    public int InFlight => _inFlight;

    /// <summary>Gets a token that asks requests in flight to end early: the queue stops. May be asked for by any thread; a queue that goes on has a new one.</summary>
    protected CancellationToken Stopping
    {
        get
        {
            lock (_gate)
            {
                return (_stopping ??= new CancellationTokenSource()).Token;
            }
        }
    }

    /// <summary>Gets what wakes the thread of the queue.</summary>
    internal CompletionSignal Signal => _signal;

    /// <summary>Gets a value indicating whether something was completed, or was asked for, since the last look.</summary>
    internal bool HasWork => Volatile.Read(ref _posted) is not null || Volatile.Read(ref _isAsked);

    /// <inheritdoc/>
    public QueueProcessResult Process(VirtQueue queue, CancellationToken stopping)
    {
        ArgumentNullException.ThrowIfNull(queue);
        (_requests, _notifiedRequests, _bytes, _notifiedBytes) = (0, 0, 0, 0);
        (_bufferFailures, _bufferFault) = (0, null);
        uint batch = 0;
        do
        {
            queue.DisableNotifications();
            Volatile.Write(ref _isAsked, false);
            Collect(queue);
            while (!stopping.IsCancellationRequested && MayTake && queue.TryTake(Peek(queue).Chain))
            {
                if (!Serve(queue))
                {
                    break;
                }

                if (_inFlight != 0 && (!MayOverlap || ++batch % LargestBatch == 0))
                {
                    EndBatch();
                    Collect(queue);
                }

                while (!MayOverlap && _inFlight != 0)
                {
                    Wait(null, null, -1);
                    Collect(queue);
                }
            }

            EndBatch();
            Collect(queue);
        }
        while (queue.EnableNotifications() && MayTake && !stopping.IsCancellationRequested);

        bool notify = queue.ShouldNotify();
        VirtQueueError? error = queue.IsBroken ? queue.Error : null;
        return new QueueProcessResult(notify, _requests, _bytes, error, error is { Fault: { IsFault: true } fault } ? fault : null)
        {
            BufferFailures = _bufferFailures,
            BufferFault = _bufferFault,
        };
    }

    /// <inheritdoc/>
    public virtual QueueWake Wait(SafeHandle? kick, SafeHandle? stopping, int timeoutMilliseconds)
    {
        var wake = QueueWake.Completion;
        _signal.BeginSleep();
        try
        {
            if (!HasWork)
            {
                wake = QueueWake.None;
                wake = EventWait.For(kick, stopping, _signal.Event, timeoutMilliseconds);
                return wake;
            }
        }
        finally
        {
            _signal.EndSleep((wake & QueueWake.Completion) != 0);
        }

        return wake;
    }

    /// <inheritdoc/>
    public virtual void CancelRequests()
    {
        CancellationTokenSource? stopping;
        lock (_gate)
        {
            (stopping, _stopping) = (_stopping, null);
        }

        if (stopping is not null)
        {
            using (stopping)
            {
                stopping.Cancel();
            }
        }
    }

    /// <inheritdoc/>
    public virtual void Rest()
    {
    }

    /// <inheritdoc/>
    public virtual void Abandon()
    {
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> DescribeInFlight(TimeSpan age, int most)
    {
        QueueRequest[] all;
        int count;
        lock (_gate)
        {
            (all, count) = (_all, _allCount);
        }

        long now = Stopwatch.GetTimestamp();
        return
        [
            .. all.Take(count)
                .Select(request => (Request: request, request.StartedAt))
                .Where(entry => entry.StartedAt != 0 && Stopwatch.GetElapsedTime(entry.StartedAt, now) >= age)
                .OrderBy(entry => entry.StartedAt)
                .Take(most)
                .Select(entry => string.Create(
                    CultureInfo.InvariantCulture, $"{entry.Request.Describe()}, for {Stopwatch.GetElapsedTime(entry.StartedAt, now).TotalSeconds:0.0} s")),
        ];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Serves a request, or begins to. Called by the thread of the queue.</summary>
    /// <param name="queue">The queue: <see cref="VirtQueue.Break"/> it where the driver cannot be served, and return <see langword="true"/>.</param>
    /// <param name="request">The request.</param>
    /// <param name="written">How many bytes were written to its device-writable buffers, where it is done.</param>
    /// <returns>Whether it is done; otherwise <see cref="QueueRequest.Complete"/> is called for it, once.</returns>
    /// <remarks>
    /// A <see cref="GuestMemoryException"/> that it throws, or a <see cref="MemoryStreamingException"/> of memory that cannot be accessed, is that of a buffer of this request: it
    /// fails alone, returned with nothing written, and the queue goes on. Whoever throws has nothing of the request under way any more. Any other exception fails the handler.
    /// </remarks>
    protected abstract bool TryServe(VirtQueue queue, QueueRequest request, out uint written);

    /// <summary>Makes one request object; for a device that keeps more with it.</summary>
    /// <returns>The object.</returns>
    protected virtual QueueRequest CreateRequest() => new();

    /// <summary>Goes on with a request that was completed. Called by the thread of the queue.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="request">The request.</param>
    /// <param name="written">How many bytes were written to its device-writable buffers, where it is done.</param>
    /// <returns>Whether it is done; otherwise it is completed once more.</returns>
    private protected virtual bool TryFinish(VirtQueue queue, QueueRequest request, out uint written)
    {
        written = request.Written;
        return request.Failure is { } failure ? throw new InvalidOperationException($"a request failed: {failure.Message}", failure) : true;
    }

    /// <summary>Nothing more is to be taken for now: what was put together is begun.</summary>
    private protected virtual void EndBatch()
    {
    }

    /// <summary>Posts requests that were completed where nobody could post them.</summary>
    private protected virtual void Reap()
    {
    }

    /// <summary>Has the thread of the queue call <see cref="Process"/> soon: there is something to answer waiting requests with. May be called by any thread.</summary>
    protected void Wake()
    {
        Volatile.Write(ref _isAsked, true);
        Interlocked.MemoryBarrier();
        _signal.Signal();
    }

    /// <inheritdoc/>
    void IOverlappedQueueHandler.Wake() => Wake();

    /// <summary>
    /// Gets a value indicating whether a chain may be taken now: not so where the device has nothing to answer with. <see cref="Wake"/> when that changes.
    /// </summary>
    protected virtual bool MayTake => true;

    /// <summary>Counts data that was transferred.</summary>
    /// <param name="bytes">How many bytes.</param>
    protected void AddBytes(ulong bytes) => _bytes += bytes;

    /// <summary>
    /// Writes an answer into the device-writable buffers of a request, from the first on, and counts it. A buffer that cannot be accessed fails the request. Buffers that are too
    /// short break the queue (<see cref="VirtQueueErrorKind.BufferFault"/>).
    /// </summary>
    /// <param name="queue">The queue.</param>
    /// <param name="request">The request.</param>
    /// <param name="bytes">The answer.</param>
    /// <returns>The number of bytes that were written, to complete the request with: fewer than there are where a buffer cannot be accessed.</returns>
    protected uint Answer(VirtQueue queue, QueueRequest request, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(request);
        ChainWriter writer = request.Writable.CreateWriter();
        if (!writer.TryWrite(bytes))
        {
            if (writer.Fault.IsFault)
            {
                request.MarkFailed(writer.Fault);
            }
            else
            {
                queue.Break(new VirtQueueError(VirtQueueErrorKind.BufferFault, request.Chain.Head));
            }
        }

        // Whole buffers, as far as they could be written.
        ulong written = request.Writable.Length - writer.Remaining;
        AddBytes(written);
        return (uint)written;
    }

    /// <summary>Releases what the handler holds. Nothing is in flight.</summary>
    /// <param name="disposing">Whether it is disposed, not finalized.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _signal.Dispose();
            _stopping?.Dispose();
        }
    }

    internal void Post(QueueRequest request)
    {
        QueueRequest? top = Volatile.Read(ref _posted);
        while (true)
        {
            request.Next = top;
            QueueRequest? seen = Interlocked.CompareExchange(ref _posted, request, top);
            if (seen == top)
            {
                break;
            }

            top = seen;
        }

        _signal.Signal();
    }

    /// <summary>Serves the chain that was taken last.</summary>
    private bool Serve(VirtQueue queue)
    {
        QueueRequest request = _free!;
        _free = request.Next;
        request.Begin(this);
        bool isDone;
        uint written;
        try
        {
            isDone = TryServe(queue, request, out written);
        }
        catch (Exception e) when (QueueRequest.IsBufferFault(e))
        {
            isDone = request.TryEnd(e);
            written = 0;
        }

        if (!isDone)
        {
            _inFlight++;
            request.MarkInFlight();
            return true;
        }

        CountFailure(request);
        ushort head = request.Chain.Head;
        Free(request);
        if (!queue.Complete(head, written))
        {
            return false;
        }

        _requests++;
        NotifyNow(queue);
        return true;
    }

    /// <summary>Returns what has been completed, in the order in which it was, by one store of the used index.</summary>
    private void Collect(VirtQueue queue)
    {
        ExceptionDispatchInfo? failure = null;
        Reap();
        while (Volatile.Read(ref _posted) is not null)
        {
            QueueRequest? request = Reverse(Interlocked.Exchange(ref _posted, null));
            while (request is not null)
            {
                QueueRequest? next = request.Next;
                Finish(queue, request, ref failure);
                request = next;
            }

            queue.Publish();
            NotifyNow(queue);
        }

        failure?.Throw();
    }

    /// <summary>Returns one request, unless there is more to do for it. One that throws is given up, and the others are returned before that is reported.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "It is thrown when the others have been returned.")]
    private void Finish(VirtQueue queue, QueueRequest request, ref ExceptionDispatchInfo? failure)
    {
        uint written = 0;
        bool isReturned = true;
        try
        {
            if (!TryFinish(queue, request, out written))
            {
                return;
            }
        }
        catch (Exception e)
        {
            failure ??= ExceptionDispatchInfo.Capture(e);
            isReturned = false;
        }

        CountFailure(request);
        ushort head = request.Chain.Head;
        _inFlight--;
        request.MarkDone();
        Free(request);
        if (isReturned && queue.Stage(head, written))
        {
            _requests++;
        }
    }

    private void CountFailure(QueueRequest request)
    {
        if (request.HasFailed)
        {
            _bufferFailures++;
            _bufferFault ??= request.BufferFault;
        }
    }

    private static QueueRequest? Reverse(QueueRequest? list)
    {
        QueueRequest? reversed = null;
        while (list is not null)
        {
            (list.Next, reversed, list) = (reversed, list, list.Next);
        }

        return reversed;
    }

    private void NotifyNow(VirtQueue queue)
    {
        if (queue.Notifier is { } notifier && (_requests - _notifiedRequests >= NotifyRequests || _bytes - _notifiedBytes >= NotifyBytes))
        {
            _notifiedRequests = _requests;
            _notifiedBytes = _bytes;
            if (queue.ShouldNotify())
            {
                notifier.Notify();
            }
        }
    }

    /// <summary>The request that the next chain goes into. There are never more than the queue has descriptors, and one to look with.</summary>
    private QueueRequest Peek(VirtQueue queue)
    {
        if (_free is null)
        {
            QueueRequest made = CreateRequest();
            lock (_gate)
            {
                if (_allCount == _all.Length)
                {
                    // Others read the old one meanwhile: a new one is put in its place.
                    var more = new QueueRequest[Math.Max(_all.Length + 1, Math.Min(Math.Max(4, _all.Length * 2), queue.Size + 1))];
                    _all.CopyTo(more, 0);
                    _all = more;
                }

                _all[_allCount++] = made;
            }

            _free = made;
        }

        return _free;
    }

    private void Free(QueueRequest request)
    {
        request.Chain.Shrink();
        request.Next = _free;
        _free = request;
    }
}
