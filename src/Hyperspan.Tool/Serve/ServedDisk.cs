using System.Runtime.InteropServices;

using Hyperspan.Tool.Output;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>An image and the disk that is made of it, with its own log and its own count of failures.</summary>
internal sealed class ServedDisk : IDisposable
{
    private readonly BlockServerOptions _options;
    private readonly RawDiskImage _image;
    private readonly VirtioBlockDevice _device;
    private readonly LogSource _log;
    private readonly FailureLog _failures;
    private ServedDevice? _served;
    private SizeWatch? _sizes;

    private ServedDisk(BlockServerOptions options, RawDiskImage image, LogSource log)
    {
        _options = options;
        _image = image;
        _log = log;
        _failures = new FailureLog(line => log.Write(line, isError: true), TimeProvider.System);
        _device = new VirtioBlockDevice(
            image,
            new VirtioBlockOptions
            {
                QueueCount = options.Queues,
                Id = options.Id,
                Name = options.Name,
                ReadOnly = options.ReadOnly,
                WriteThrough = options.Cache == DiskCache.DirectSync,
                FeatureMask = options.Socket.Features,
                Throttle = options.Throttle,
                ReadErrors = options.ReadErrors,
                WriteErrors = options.WriteErrors,
                OnStopped = failure => log.Write(
                    $"stopped: {FailureLog.Describe(failure)}; requests wait until 'kill -CONT {Environment.ProcessId.ToString(provider: null)}'", isError: true),
                OnFailure = _failures.Add,
            });
    }

    /// <summary>Gets how many requests have failed.</summary>
    internal long Failures => _failures.Count;

    /// <summary>Opens the image.</summary>
    /// <exception cref="InvalidInputException">It cannot be used.</exception>
    internal static ServedDisk Open(BlockServerOptions options, LogSource log)
    {
        RawDiskImage image = OpenImage(options);
        try
        {
            return new ServedDisk(options, image, log);
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    /// <summary>Has it served.</summary>
    /// <exception cref="InvalidInputException">The socket cannot be used.</exception>
    internal void ServeBy(DeviceServer server)
    {
        // Each flushes as soon as it is served no more: one that does not answer keeps none of the others from it.
        _served = server.Add(_options.Socket, _device, _log, () => End(server.EndLimit));
        _sizes = new SizeWatch(_image, _served.Server, _log);
    }

    /// <summary>Says how to connect.</summary>
    internal void WriteHeader()
    {
        string kind = _device.IsReadOnly ? ", read-only" : "";
        _served!.WriteHeader(
            Console.Out,
            $"Serving {_options.ImagePath} ({Units.Bytes(_image.Length)}{kind}, {Units.Things(_options.Queues, "queue")})",
            QemuLine.ForBlock(_served.SocketName, _options.Queues));
    }

    /// <summary>Has it go on where it has stopped for a failure.</summary>
    internal void Resume()
    {
        if (_device.Resume())
        {
            _log.Write("goes on: what failed is tried again");
        }
    }

    public void Dispose()
    {
        _sizes?.Dispose();
        _device.Dispose();
        _failures.Dispose();
    }

    /// <summary>Nobody is served any more: what was written is made durable, and said how much it was.</summary>
    /// <returns>Whether it is.</returns>
    private bool End(EndLimit limit)
    {
        _sizes?.Dispose();
        string doing = $"flushing {_options.ImagePath}";
        limit.Enter(doing);
        DiskResult flushed = _image.IsReadOnly ? DiskResult.Success : _image.Flush();
        limit.Leave(doing);
        if (!flushed.Succeeded)
        {
            _log.Write(
                $"{_options.ImagePath}: the image cannot be flushed, what was written since the last flush that succeeded may be lost: "
                + Marshal.GetPInvokeErrorMessage(flushed.ErrorNumber),
                isError: true);
        }

        _served!.WriteSummary(_failures.Count, _failures.Count == 0 ? "" : $"; failed: {_failures.Describe()}");
        return flushed.Succeeded;
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
