using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;

using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>The back end's side of one vhost-user connection: serves a device to the front end on the other end of a connected Unix socket.</summary>
/// <remarks>
/// <para>
/// The front end is not trusted. Every message is checked for size, number and kind of descriptors, order and values; a wrong one closes the connection, with an
/// event that names message and reason. Its memory may shrink at any moment: then the connection is closed too. Nothing of it is kept afterwards: no descriptor, no
/// mapping, no thread.
/// </para>
/// <para>
/// Messages are handled by the thread that runs the connection, and each started and enabled ring by a thread of its own.
/// </para>
/// </remarks>
[DebuggerDisplay("connection {_number}, {Statistics}")]
public sealed partial class VhostUserConnection : IDisposable, IAsyncDisposable
{
    private static readonly TimeSpan WorkerPatience = TimeSpan.FromMilliseconds(20);

    private static long LastNumber;

    private readonly Socket _socket;
    private readonly IVirtioDevice _device;
    private readonly VhostUserOptions _options;
    private readonly EventDescriptor _stop;
    private readonly MessageChannel _channel;
    private readonly long _number;
    private readonly UnclosedDescriptors _unclosed;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private VhostUserEvent? _failure;
    private int _state;
    private volatile bool _isAskedToEnd;

    /// <summary>Initializes a new instance of the <see cref="VhostUserConnection"/> class.</summary>
    /// <param name="socket">A connected Unix stream socket. It belongs to this object from now on.</param>
    /// <param name="device">The device. It stays the caller's, and must serve no other connection meanwhile.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">The socket is not a Unix stream socket.</exception>
    /// <exception cref="IOException">There are too many open files.</exception>
    public VhostUserConnection(Socket socket, IVirtioDevice device, VhostUserOptions? options = null)
        : this(socket, device, options ?? new VhostUserOptions(), new VhostUserStatistics(), new UnclosedDescriptors(), 0)
    {
    }

    internal VhostUserConnection(
        Socket socket, IVirtioDevice device, VhostUserOptions options, VhostUserStatistics statistics, UnclosedDescriptors unclosed, long number)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(device);
        if (socket.AddressFamily != AddressFamily.Unix || socket.SocketType != SocketType.Stream)
        {
            throw new ArgumentException("A Unix stream socket is needed: no other carries descriptors.", nameof(socket));
        }

        _socket = socket;
        _device = device;
        _options = options;
        Statistics = statistics;
        _unclosed = unclosed;
        _number = number != 0 ? number : Interlocked.Increment(ref LastNumber);
        _rings = new Ring[device.QueueCount];
        for (int i = 0; i < _rings.Length; i++)
        {
            _rings[i] = new Ring(i);
        }

        _memory = MemoryTable.Empty();
        _iotlb = new DeviceIotlb(SendTranslation, options.TranslationTimeout)
        {
            IsInUse = (first, last) => Array.Exists(_rings, ring => ring.Uses(first, last)),
        };

        // Last: nothing that may fail comes after it.
        _stop = EventDescriptor.Create();
        _channel = new MessageChannel(socket.SafeHandle, _stop, options.MessageTimeout);
    }

    /// <summary>Gets what the connection has done.</summary>
    public VhostUserStatistics Statistics { get; }

    /// <summary>Serves until the front end leaves, does something wrong, or the token is cancelled: then what is in flight is finished first.</summary>
    /// <param name="cancellationToken">Ends the connection from this side.</param>
    /// <returns>Why it ended; the same event has been reported.</returns>
    /// <exception cref="InvalidOperationException">The connection has been run before.</exception>
    [SuppressMessage("Design", "CA1031", Justification = "A device that fails ends its connection, not the process.")]
    public VhostUserEvent Run(CancellationToken cancellationToken = default)
    {
        if (Interlocked.CompareExchange(ref _state, 1, 0) != 0)
        {
            throw new InvalidOperationException("A connection is run once.");
        }

        VhostUserEvent end;
        using (cancellationToken.UnsafeRegister(static state => ((VhostUserConnection)state!).AskToEnd(), this))
        {
            _iotlb.ListeningThread = Environment.CurrentManagedThreadId;
            Report(VhostUserEventKind.Connected, "a front end is there");
            try
            {
                _device.Reset();
                end = Converse();
            }
            catch (Exception e)
            {
                end = Event(VhostUserEventKind.DeviceFailed, e.Message) with { Exception = e };
            }

            Close();
        }

        Report(end);
        return end;
    }

    /// <summary>Does what <see cref="Run"/> does, on a thread of its own.</summary>
    /// <param name="cancellationToken">Ends the connection from this side.</param>
    /// <returns>Why it ended.</returns>
    public Task<VhostUserEvent> RunAsync(CancellationToken cancellationToken = default) =>
        Task.Factory.StartNew(
            () => Run(cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Closes the connection. One that is running is told to end, and closes itself.</summary>
    public void Dispose()
    {
        if (Interlocked.CompareExchange(ref _state, 1, 0) == 0)
        {
            Close();
        }
        else
        {
            AskToEnd();
        }
    }

    /// <summary>Does what <see cref="Dispose"/> does, and waits until <see cref="Run"/> has closed the connection. Not for use by what <see cref="Run"/> calls.</summary>
    /// <returns>A task that ends when the connection is closed.</returns>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return new ValueTask(_closed.Task);
    }

    private void AskToEnd()
    {
        _isAskedToEnd = true;
        _ending.Cancel();
        _stop.Signal();
    }

    /// <summary>Releases all that the connection has made. What fails to be released does not keep the rest.</summary>
    private void Close()
    {
        Release(_iotlb.Close);
        Release(BeginPauseAll);
        StopWorkers();
        Release(CloseBackendChannel);
        Release(DropState);
        Release(_socket.Dispose);
        AwaitWorkers();
        foreach (Ring ring in _rings)
        {
            Release(ring.Dispose);
        }

        // Where a worker could not be stopped, it may still be in the memory.
        Release(() => _inflight?.Close(inUse: AnyStarted));
        Release(() => _logging?.Dispose());
        Release(() => _writeLog?.Close(inUse: AnyStarted));
        Release(() => _memory.Retire(null, inUse: AnyStarted));
        Release(_stop.Dispose);
        _closed.TrySetResult();
    }

    private void StopWorkers()
    {
        foreach (Ring ring in _rings)
        {
            Release(() => Stop(ring, "the connection ends", report: false));
        }
    }

    /// <summary>
    /// Waits for threads that the front end keeps from ending, so that none of them is in memory or device when the next front end is served; but not longer than this
    /// side is to go on. One whose request does not return has been waited for long enough.
    /// </summary>
    private void AwaitWorkers()
    {
        foreach (Ring ring in _rings)
        {
            if (ring.Worker is { IsAbandoned: false })
            {
                Report(VhostUserEventKind.QueueStuck, "the front end keeps its thread: no other front end is served before that has ended", ring.Index);
            }
        }

        while (Array.Exists(_rings, static ring => ring.Worker is { IsAbandoned: false }) && !_isAskedToEnd)
        {
            if (Array.TrueForAll(_rings, static ring => ring.Worker is null or { HasEnded: true } or { IsAbandoned: true }))
            {
                StopWorkers();
                return;
            }

            foreach (Ring ring in _rings)
            {
                if (ring.Worker is { IsAbandoned: false } worker)
                {
                    worker.Unblock();
                }
            }

            Thread.Sleep(WorkerPatience);
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "A device that fails to release something must not keep the rest.")]
    private void Release(Action release)
    {
        try
        {
            release();
        }
        catch (Exception e)
        {
            Report(Event(VhostUserEventKind.DeviceFailed, e.Message) with { Exception = e });
        }
    }

    /// <summary>Called on the thread of a queue: ends the connection for this reason, if it does not end already.</summary>
    private void Fail(VhostUserEvent reason)
    {
        Interlocked.CompareExchange(ref _failure, reason, null);
        _ending.Cancel();
        _stop.Signal();
    }

    private VhostUserEvent Event(VhostUserEventKind kind, string text, VhostUserMessage? message = null, int? queue = null) =>
        new(kind, _number, text, message, queue);

    private void Report(VhostUserEventKind kind, string text, int? queue = null) => Report(Event(kind, text, queue: queue));

    private void Report(VhostUserEvent what) => Report(what, _options, Statistics);

    [SuppressMessage("Design", "CA1031", Justification = "An observer that fails is no reason to stop serving.")]
    internal static void Report(VhostUserEvent what, VhostUserOptions options, VhostUserStatistics statistics)
    {
        if (what.IsError)
        {
            statistics.AddError(what.Kind);
        }

        try
        {
            options.OnEvent?.Invoke(what);
        }
        catch (Exception)
        {
            statistics.AddError(VhostUserEventKind.DeviceFailed);
        }
    }
}
