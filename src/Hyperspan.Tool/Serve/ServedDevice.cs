using System.Net.Sockets;

using Hyperspan.Tool.Output;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>A device that is served on a socket of its own: what is the same for every device.</summary>
internal sealed class ServedDevice : IDisposable
{
    private readonly LogSource _log;
    private readonly Func<bool>? _ended;

    private ServedDevice(VhostUserServer server, LogSource log, string socketName, Func<bool>? ended)
    {
        Server = server;
        _log = log;
        _ended = ended;
        SocketName = socketName;
    }

    internal VhostUserServer Server { get; }

    /// <summary>Gets where a front end connects, as far as that is known.</summary>
    internal string SocketName { get; }

    /// <summary>Listens on the socket.</summary>
    /// <param name="options">Where, and for whom.</param>
    /// <param name="device">The device. It stays the caller's.</param>
    /// <param name="log">Where it is told what happens.</param>
    /// <param name="ended">What is done when it is served no more; answers whether it went well.</param>
    /// <exception cref="InvalidInputException">The socket cannot be used. Nothing has been changed.</exception>
    internal static ServedDevice Open(SocketOptions options, IVirtioDevice device, LogSource log, Func<bool>? ended)
    {
        int? descriptor = GivenSocket.Choose(options.Path, options.Descriptor);
        try
        {
            var serverOptions = new VhostUserOptions
            {
                OnEvent = log.Add,
                FeatureMask = options.Features,
                ProtocolFeatureMask = options.ProtocolFeatures & VhostUserProtocolFeatures.All,

                // What an instance that was killed leaves behind must not keep the next one from taking over its guest.
                ReplaceStaleSocket = true,
                SocketMode = options.Mode,
                SocketGroup = options.Group,
                AllowBlockingMemory = options.AllowFileMemory,
                OfferAddressTranslation = options.Iommu,
                OfferQueueReset = options.QueueReset,
                MaximumMemory = options.MemoryLimit,
            };
            if (descriptor is not { } given)
            {
                return new ServedDevice(new VhostUserServer(options.Path!, device, serverOptions), log, options.Path!, ended);
            }

            Socket socket = GivenSocket.Open(given);
            string name = socket.LocalEndPoint?.ToString() is { Length: > 0 } known ? known : "PATH";
            return new ServedDevice(new VhostUserServer(socket, device, serverOptions), log, name, ended);
        }
        catch (Exception e) when (e is SocketException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException(SocketProblem.Describe(options.Path ?? "the socket given", e), e);
        }
    }

    /// <summary>Serves, and does what is to be done then.</summary>
    /// <param name="token">Ends it.</param>
    /// <returns>Whether nothing but being asked to ended it, and the rest went well.</returns>
    internal bool Run(CancellationToken token)
    {
        bool isWell = Serve(token);
        return (_ended?.Invoke() ?? true) && isWell;
    }

    private bool Serve(CancellationToken token)
    {
        try
        {
            Server.Run(token);
            return true;
        }
        catch (IOException e)
        {
            _log.Write($"serving failed: {e.Message}", isError: true);
            return false;
        }
    }

    /// <summary>Says how to connect.</summary>
    /// <param name="writer">Standard output, or standard error where that is something else.</param>
    /// <param name="title">What is served.</param>
    /// <param name="line">The line that connects.</param>
    internal void WriteHeader(TextWriter writer, string title, string line)
    {
        try
        {
            writer.WriteLine($"{title}. Connect with:\n\n{line}\n");
            writer.Flush();
        }
        catch (IOException e)
        {
            // It is closed or full: a guest is served all the same.
            _log.Write(e.Message, isError: true);
        }
    }

    /// <summary>Says what has been done.</summary>
    /// <param name="failures">How many requests have failed.</param>
    /// <param name="failed">Which.</param>
    internal void WriteSummary(long failures = 0, string failed = "")
    {
        VhostUserStatistics statistics = Server.Statistics;
        _log.Write(
            $"done: {Units.Things(statistics.Connections, "connection")}, {Units.Things(statistics.Requests, "request")}, "
            + $"{Units.Bytes(statistics.Bytes)}, {Units.Things(statistics.Errors + failures, "error")}{failed}");
    }

    public void Dispose() => Server.Dispose();
}
