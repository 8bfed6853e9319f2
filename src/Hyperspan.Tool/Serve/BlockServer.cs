using System.Runtime.InteropServices;

using Hyperspan.Tool.Output;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>Serves an image on a socket until the process is asked to end.</summary>
internal sealed class BlockServer : IDisposable
{
    private readonly BlockServerOptions _options;
    private readonly RawDiskImage _image;
    private readonly VirtioBlockDevice _device;
    private readonly DeviceServer _server;
    private readonly ServerLog _log;
    private readonly FailureLog _failures;

    private BlockServer(BlockServerOptions options, RawDiskImage image, VirtioBlockDevice device, DeviceServer server, ServerLog log, FailureLog failures)
    {
        _options = options;
        _image = image;
        _device = device;
        _server = server;
        _log = log;
        _failures = failures;
    }

    /// <summary>Opens the image and listens on the socket.</summary>
    /// <exception cref="InvalidInputException">One of them cannot be used. Nothing has been changed.</exception>
    internal static BlockServer Open(BlockServerOptions options)
    {
        GivenSocket.Choose(options.Socket.Path, options.Socket.Descriptor);
        RawDiskImage image = OpenImage(options);
        var log = new ServerLog(Terminal.CreateError(), isRaw: false);
        var failures = new FailureLog(line => log.Write(line, isError: true), TimeProvider.System);
        VirtioBlockDevice? device = null;
        try
        {
            device = new VirtioBlockDevice(
                image,
                new VirtioBlockOptions
                {
                    QueueCount = options.Queues,
                    Id = options.Id,
                    ReadOnly = options.ReadOnly,
                    WriteThrough = options.Cache == DiskCache.DirectSync,
                    FeatureMask = options.Socket.Features,
                    OnFailure = failures.Add,
                });
            return new BlockServer(options, image, device, DeviceServer.Open(options.Socket, device, log), log, failures);
        }
        catch
        {
            device?.Dispose();
            image.Dispose();
            failures.Dispose();
            log.Dispose();
            throw;
        }
    }

    /// <summary>Serves.</summary>
    /// <returns>The exit code.</returns>
    internal int Run()
    {
        using var termination = new Termination(_server.Dispose, _server.EndLimit.Start);
        string kind = _device.IsReadOnly ? ", read-only" : "";
        _server.WriteHeader(
            Console.Out,
            $"Serving {_options.ImagePath} ({Units.Bytes(_image.Length)}{kind}, {Units.Things(_options.Queues, "queue")})",
            QemuLine.ForBlock(_server.SocketName, _options.Queues));
        int exitCode;
        using (new SizeWatch(_image, _server.Server, _log))
        {
            exitCode = _server.Run(() => _failures.Count, termination.Token) ? ExitCode.Success : ExitCode.Failure;
        }

        _server.EndLimit.Enter("flushing the image");
        DiskResult flushed = _image.IsReadOnly ? DiskResult.Success : _image.Flush();
        if (!flushed.Succeeded)
        {
            _log.Write(
                $"{_options.ImagePath}: the image cannot be flushed, what was written since the last flush that succeeded may be lost: "
                + Marshal.GetPInvokeErrorMessage(flushed.ErrorNumber),
                isError: true);
            exitCode = ExitCode.Failure;
        }

        _server.WriteSummary(_failures.Count, _failures.Count == 0 ? "" : $"; failed: {_failures.Describe()}");
        _server.EndLimit.Enter("closing the image");
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
}
