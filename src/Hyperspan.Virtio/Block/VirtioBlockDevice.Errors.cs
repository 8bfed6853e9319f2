using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Virtio;

/// <content>What becomes of requests that the image failed.</content>
public sealed partial class VirtioBlockDevice
{
    private readonly HeldRequests _held = new();

    /// <summary>
    /// Gets a value indicating whether the device has stopped for a failure of its image (<see cref="DiskErrorPolicy.Stop"/>): what failed waits, and nothing is taken.
    /// </summary>
    public bool IsStopped => _held.IsStopped;

    /// <summary>Has a device that stopped go on: what failed is tried again, and stops it once more where it fails once more. May be called from any thread.</summary>
    /// <returns>Whether it had stopped.</returns>
    public bool Resume()
    {
        bool isOver = _held.Release(static _ => true, giveUp: false);
        if (isOver)
        {
            WakeHandlers();
        }

        return isOver;
    }

    /// <summary>Gets what becomes of a request that the image failed.</summary>
    internal DiskErrorPolicy PolicyFor(BlockRequestType type) => type == BlockRequestType.Read ? _options.ReadErrors : _options.WriteErrors;

    /// <summary>Keeps a request that failed until it is tried again, and stops.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "What the listener does wrong must not reach the guest.")]
    internal void Hold(BlockRequest request)
    {
        var failure = new BlockFailure(request.Type, BlockStatus.IoError, request.Errno);
        Report(failure);
        if (_held.Add(request))
        {
            try
            {
                _options.OnStopped?.Invoke(failure);
            }
            catch (Exception e)
            {
                Trace.TraceError(e.ToString());
            }
        }
    }

    /// <summary>A queue stops: the driver is told of those of its requests that failed.</summary>
    internal void GiveUp(BlockQueueHandler handler)
    {
        if (_held.Release(request => request.Handler == handler, giveUp: true))
        {
            WakeHandlers();
        }
    }

    private void WakeHandlers()
    {
        lock (_handlers)
        {
            _handlers.ForEach(static handler => handler.LookAgain());
        }
    }
}
