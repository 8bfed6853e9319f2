using Hyperspan.Tool.Output;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>Looks once a second whether an image has another size, and tells the front end.</summary>
internal sealed class SizeWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly RawDiskImage _image;
    private readonly VhostUserServer _server;
    private readonly LogSource _log;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private bool _isDisposed;

    internal SizeWatch(RawDiskImage image, VhostUserServer server, LogSource log)
    {
        _image = image;
        _server = server;
        _log = log;
        _timer = TimeProvider.System.CreateTimer(static state => ((SizeWatch)state!).Look(), this, Interval, Interval);
    }

    public void Dispose()
    {
        _timer.Dispose();
        Volatile.Write(ref _isDisposed, true);
    }

    private void Look()
    {
        // A file system that does not answer holds one look, not one a second.
        if (!_gate.TryEnter())
        {
            return;
        }

        try
        {
            ulong before = _image.Length;
            if (!Volatile.Read(ref _isDisposed) && _image.Refresh())
            {
                bool isTold = _server.NotifyConfigChanged();
                _log.Write($"the image has {Units.Bytes(_image.Length)} instead of {Units.Bytes(before)}"
                    + (isTold || !_server.IsConnected ? "" : "; the front end cannot be told: it does not take messages"));
            }
        }
        catch (ObjectDisposedException)
        {
            // The server has ended this moment.
        }
        finally
        {
            _gate.Exit();
        }
    }
}
