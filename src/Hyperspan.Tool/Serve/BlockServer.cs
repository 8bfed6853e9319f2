using System.Net.Sockets;
using System.Runtime.InteropServices;

using Hyperspan.Tool.Output;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>Serves an image on a socket until the process is asked to end.</summary>
internal sealed class BlockServer : IDisposable
{
    private readonly BlockServerOptions _options;
    private readonly RawDiskImage _image;
    private readonly VirtioBlockDevice _device;
    private readonly VhostUserServer _server;
    private readonly ServerLog _log;
    private readonly FailureLog _failures;
    private readonly EndLimit _endLimit;

    private BlockServer(BlockServerOptions options, RawDiskImage image, VirtioBlockDevice device, VhostUserServer server, ServerLog log, FailureLog failures, EndLimit endLimit)
    {
        _options = options;
        _image = image;
        _device = device;
        _server = server;
        _log = log;
        _failures = failures;
        _endLimit = endLimit;
    }

    /// <summary>Opens the image and listens on the socket.</summary>
    /// <exception cref="InvalidInputException">One of them cannot be used. Nothing has been changed.</exception>
    internal static BlockServer Open(BlockServerOptions options)
    {
        int? descriptor = GivenSocket.Choose(options.SocketPath, options.Descriptor);
        RawDiskImage image = OpenImage(options);
        var log = new ServerLog(Terminal.CreateError());
        var failures = new FailureLog(line => log.Write(line, isError: true), TimeProvider.System);
        VirtioBlockDevice? device = null;
        try
        {
            var endLimit = new EndLimit(log);
            device = new VirtioBlockDevice(
                image,
                new VirtioBlockOptions
                {
                    QueueCount = options.Queues,
                    Id = options.Id,
                    ReadOnly = options.ReadOnly,
                    WriteThrough = options.Cache == DiskCache.DirectSync,
                    FeatureMask = options.Features,
                    OnFailure = failures.Add,
                });
            var serverOptions = new VhostUserOptions
            {
                OnEvent = log.Add,
                FeatureMask = options.Features,
                ProtocolFeatureMask = options.ProtocolFeatures & VhostUserProtocolFeatures.All,

                // What an instance that was killed leaves behind must not keep the next one from taking over its guest.
                ReplaceStaleSocket = true,
                SocketMode = options.SocketMode,
                SocketGroup = options.SocketGroup,
                AllowBlockingMemory = options.AllowFileMemory,
                MaximumMemory = options.MemoryLimit,
            };
            VhostUserServer server;
            if (descriptor is { } given)
            {
                Socket socket = GivenSocket.Open(given);
                options = options with { SocketPath = socket.LocalEndPoint?.ToString() is { Length: > 0 } name ? name : "PATH" };
                server = new VhostUserServer(socket, device, serverOptions);
            }
            else
            {
                server = new VhostUserServer(options.SocketPath!, device, serverOptions);
            }

            return new BlockServer(options, image, device, server, log, failures, endLimit);
        }
        catch (Exception e)
        {
            device?.Dispose();
            image.Dispose();
            failures.Dispose();
            log.Dispose();
            if (e is SocketException or ArgumentException or IOException or UnauthorizedAccessException)
            {
                throw new InvalidInputException(SocketProblem.Describe(options.SocketPath ?? "the socket given", e), e);
            }

            throw;
        }
    }

    /// <summary>Serves.</summary>
    /// <returns>The exit code.</returns>
    internal int Run()
    {
        using var termination = new Termination(_server.Dispose, _endLimit.Start);
        WriteHeader();
        int exitCode = ExitCode.Success;
        using (var status = new StatusReporter(_server, _log, _failures))
        {
            try
            {
                _server.Run(termination.Token);
            }
            catch (IOException e)
            {
                _log.Write($"serving failed: {e.Message}", isError: true);
                exitCode = ExitCode.Failure;
            }
        }

        _endLimit.Enter("flushing the image");
        DiskResult flushed = _image.IsReadOnly ? DiskResult.Success : _image.Flush();
        if (!flushed.Succeeded)
        {
            _log.Write(
                $"{_options.ImagePath}: the image cannot be flushed, what was written since the last flush that succeeded may be lost: "
                + Marshal.GetPInvokeErrorMessage(flushed.Errno),
                isError: true);
            exitCode = ExitCode.Failure;
        }

        string failed = _failures.Count == 0 ? "" : $"; failed: {_failures.Describe()}";
        VhostUserStatistics statistics = _server.Statistics;
        _log.Write(
            $"done: {Units.Things(statistics.Connections, "connection")}, {Units.Things(statistics.Requests, "request")}, "
            + $"{Units.Bytes(statistics.Bytes)}, {Units.Things(statistics.Errors + _failures.Count, "error")}{failed}");
        _endLimit.Enter("closing the image");
        return exitCode;
    }

    public void Dispose()
    {
        _server.Dispose();
        _device.Dispose();
        _image.Dispose();
        _failures.Dispose();
        _log.Dispose();
    }

    private static RawDiskImage OpenImage(BlockServerOptions options)
    {
        try
        {
            return RawDiskImage.Open(
                options.ImagePath,
                new RawDiskImageOptions
                {
                    ReadOnly = options.ReadOnly,
                    RefuseOtherFormats = !options.IsRaw,
                    RefuseDeviceInUse = !options.Force,
                    Locking = options.Locking,
                    Cache = options.Cache,
                });
        }
        catch (DiskImageException e)
        {
            string hint = e.Error switch
            {
                DiskImageError.AccessDenied when !options.ReadOnly => "; if it need not be written, try --read-only",
                DiskImageError.OtherFormat => "; convert it by 'qemu-img convert -O raw', or say --format raw if the guest is to see these very bytes",
                DiskImageError.NoDirectTransfers => "; say --cache writeback to go through the page cache",
                DiskImageError.DeviceInUse => "; unmount it, or say --force to write to it all the same",
                _ => "",
            };
            throw new InvalidInputException(e.Message + hint, e);
        }
        catch (ArgumentException e)
        {
            throw new InvalidInputException("--image: the name of the file is empty", e);
        }
    }

    private void WriteHeader()
    {
        try
        {
            WriteLines();
        }
        catch (IOException e)
        {
            // Standard output is closed or full: a guest is served all the same.
            _log.Write($"standard output cannot be written: {e.Message}", isError: true);
        }
    }

    private void WriteLines()
    {
        string kind = _device.IsReadOnly ? ", read-only" : "";
        Console.Out.WriteLine($"Serving {_options.ImagePath} ({Units.Bytes(_image.Length)}{kind}, {Units.Things(_options.Queues, "queue")}). Connect with:");
        Console.Out.WriteLine();
        Console.Out.WriteLine(QemuLine.Create(_options.SocketPath!, _options.Queues));
        Console.Out.WriteLine();
        Console.Out.Flush();
    }
}
