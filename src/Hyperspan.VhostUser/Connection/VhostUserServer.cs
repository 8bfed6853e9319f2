using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;

using Hyperspan.Interop.Linux;
using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>Serves a device on a Unix socket, to one front end after the other.</summary>
/// <remarks>
/// <para>
/// The specification leaves open what happens to a second front end while a first is served. Here it waits in the socket's queue until the first has gone. A front end
/// that reconnects is thus never refused because its old connection is still being closed, and none is served by a device that another one is using.
/// </para>
/// <para>A front end that does something wrong, or whose memory goes away, loses its connection; the next one is served.</para>
/// <example>
/// <code>
/// using var device = new VirtioBlockDevice("disk.img");
/// using var server = new VhostUserServer("/tmp/disk.sock", device, new VhostUserOptions { OnEvent = Console.Error.WriteLine });
/// server.Run(cancellationToken);
/// </code>
/// </example>
/// </remarks>
[DebuggerDisplay("{SocketPath}, connected: {IsConnected}")]
public sealed class VhostUserServer : IDisposable, IAsyncDisposable
{
    /// <summary>The name of the meter that servers publish their figures by (<see cref="System.Diagnostics.Metrics.Meter"/>).</summary>
    public const string MeterName = "Hyperspan.VhostUser";

    private const int Backlog = 16;
    private const int RetryMilliseconds = 100;

    // What the state may be.
    private const int New = 0;
    private const int Running = 1;
    private const int Ended = 2;
    private const int Disposed = 3;

    private readonly UnixListener _listener;
    private readonly Func<IVirtioDevice> _device;
    private readonly bool _disposesDevice;
    private readonly VhostUserOptions _options;
    private readonly EventDescriptor _stop;
    private readonly UnclosedDescriptors _unclosed = new();
    private readonly CancellationTokenSource _disposing = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private VhostUserConnection? _current;
    private int _state = New;

    /// <summary>Initializes a new instance of the <see cref="VhostUserServer"/> class that listens on a new socket.</summary>
    /// <param name="socketPath">
    /// Where to make the socket, at most 107 bytes. It is removed when this object is disposed, unless another file has that name by then.
    /// </param>
    /// <param name="device">The device. It stays the caller's, and serves one connection after the other.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="SocketException">
    /// The path exists (<see cref="SocketError.AddressAlreadyInUse"/>), or the socket cannot be made there; nothing has been changed.
    /// </exception>
    /// <exception cref="ArgumentException">The path is empty or too long.</exception>
    /// <exception cref="IOException">The socket cannot be given to the group, or there are too many open files; nothing has been changed.</exception>
    public VhostUserServer(string socketPath, IVirtioDevice device, VhostUserOptions? options = null)
        : this(() => UnixListener.Listen(socketPath, Backlog, options ?? new VhostUserOptions()), device is null ? null : () => device, disposesDevice: false, options)
    {
    }

    /// <summary>Initializes a new instance of the <see cref="VhostUserServer"/> class on a socket that listens already.</summary>
    /// <param name="listener">A listening Unix stream socket. It belongs to this object from now on.</param>
    /// <param name="device">The device. It stays the caller's, and serves one connection after the other.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    public VhostUserServer(Socket listener, IVirtioDevice device, VhostUserOptions? options = null)
        : this(Given(listener), device is null ? null : () => device, disposesDevice: false, options)
    {
    }

    /// <summary>Initializes a new instance of the <see cref="VhostUserServer"/> class that makes a device for each connection.</summary>
    /// <param name="listener">A listening Unix stream socket. It belongs to this object from now on.</param>
    /// <param name="device">Makes the device. It is disposed when its connection has ended.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    public VhostUserServer(Socket listener, Func<IVirtioDevice> device, VhostUserOptions? options = null)
        : this(Given(listener), device, disposesDevice: true, options)
    {
    }

    // The socket is made last: whatever else fails, nothing has been put into the file system.
    private VhostUserServer(Func<UnixListener> listen, Func<IVirtioDevice>? device, bool disposesDevice, VhostUserOptions? options)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        _disposesDevice = disposesDevice;
        _options = options ?? new VhostUserOptions();
        _stop = EventDescriptor.Create();
        try
        {
            _listener = listen();
        }
        catch
        {
            _stop.Dispose();
            throw;
        }

        ServerMetrics.Add(this);
    }

    /// <summary>Gets where the socket is, if this object made it.</summary>
    public string? SocketPath => _listener.Path;

    /// <summary>Gets what the server has done, over all connections.</summary>
    public VhostUserStatistics Statistics { get; } = new();

    /// <summary>Gets a value indicating whether a front end is being served.</summary>
    public bool IsConnected => Volatile.Read(ref _current) is not null;

    /// <summary>Serves until the token is cancelled: then what is in flight is finished first.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="InvalidOperationException">It runs already, or has been disposed.</exception>
    /// <exception cref="IOException">The listening socket failed.</exception>
    public void Run(CancellationToken cancellationToken = default)
    {
        if (Interlocked.CompareExchange(ref _state, Running, New) != New)
        {
            throw new InvalidOperationException("A server is run once.");
        }

        try
        {
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token);
            using (linked.Token.UnsafeRegister(static state => ((VhostUserServer)state!)._stop.Signal(), this))
            {
                Report(VhostUserEventKind.Listening, SocketPath ?? "on the socket given");
                while (!AwaitClosing() && !Waiting.For(_listener.Socket.SafeHandle, PollEvents.In, _stop, -1, out _))
                {
                    if (TryAccept() is { } socket)
                    {
                        Serve(socket, linked);
                    }
                    else if (Waiting.For(null, PollEvents.None, _stop, RetryMilliseconds, out _))
                    {
                        break;
                    }
                }
            }
        }
        finally
        {
            if (Interlocked.CompareExchange(ref _state, Ended, Running) == Disposed)
            {
                Close();
            }
        }

        Report(VhostUserEventKind.Stopped, "this side was asked to end");
    }

    /// <summary>Does what <see cref="Run"/> does, on a thread of its own.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when serving has.</returns>
    public Task RunAsync(CancellationToken cancellationToken = default) =>
        Task.Factory.StartNew(() => Run(cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Tells the front end that is being served that the device's configuration changed. May be called from any thread.</summary>
    /// <returns>Whether there is one, and it was told.</returns>
    public bool NotifyConfigChanged() => Volatile.Read(ref _current)?.NotifyConfigChanged() ?? false;

    /// <summary>
    /// Removes the socket from the file system and closes it. While <see cref="Run"/> is under way it does what cancelling its token does: what is in flight is
    /// finished, the front end's connection ends, and <see cref="Run"/> returns; it is not waited for.
    /// </summary>
    public void Dispose()
    {
        int before = Interlocked.Exchange(ref _state, Disposed);
        if (before == Disposed)
        {
            return;
        }

        ServerMetrics.Remove(this);
        _listener.RemoveName();
        if (before == Running)
        {
            _disposing.Cancel();
        }
        else
        {
            Close();
        }
    }

    /// <summary>
    /// Does what <see cref="Dispose"/> does, and waits until <see cref="Run"/> has finished what is in flight. Not for use by what <see cref="Run"/> calls.
    /// </summary>
    /// <returns>A task that ends when the front end's connection and the socket are closed.</returns>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return new ValueTask(_closed.Task);
    }

    private static Func<UnixListener> Given(Socket listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        return () => new UnixListener(listener);
    }

    private void Close()
    {
        _listener.Dispose();
        _stop.Dispose();
        _closed.TrySetResult();
    }

    /// <summary>Waits until not too many descriptors of earlier front ends are left to be closed: each keeps a thread.</summary>
    /// <returns>Whether it is to end.</returns>
    private bool AwaitClosing()
    {
        if (!_unclosed.AreTooMany)
        {
            return false;
        }

        Report(
            VhostUserEventKind.DeviceFailed, "no other front end is served: too many descriptors of earlier ones cannot be closed, as whoever serves their files does not answer");
        while (_unclosed.AreTooMany)
        {
            if (Waiting.For(null, PollEvents.None, _stop, RetryMilliseconds, out _))
            {
                return true;
            }
        }

        return false;
    }

    private Socket? TryAccept()
    {
        try
        {
            return _listener.Socket.Accept();
        }
        catch (SocketException e)
        {
            // Most likely there are too many open files: a while later there may be fewer.
            Report(VhostUserEventKind.DeviceFailed, $"cannot accept a connection: {e.Message}");
            return null;
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "One connection that cannot be served is no reason not to serve the next.")]
    private void Serve(Socket socket, CancellationTokenSource stopping)
    {
        long number = Statistics.AddConnection();
        IVirtioDevice? device = null;
        try
        {
            device = _device();
            using var connection = new VhostUserConnection(socket, device, _options, Statistics, _unclosed, number);
            Volatile.Write(ref _current, connection);
            connection.Run(stopping.Token);
        }
        catch (Exception e)
        {
            VhostUserConnection.Report(
                new VhostUserEvent(VhostUserEventKind.DeviceFailed, number, e.Message) { Exception = e }, _options, Statistics);
        }
        finally
        {
            Volatile.Write(ref _current, null);
            socket.Dispose();
            if (_disposesDevice)
            {
                device?.Dispose();
            }
        }
    }

    private void Report(VhostUserEventKind kind, string text) =>
        VhostUserConnection.Report(new VhostUserEvent(kind, 0, text), _options, Statistics);
}
