using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio;

/// <summary>The lock of an image that is held while it has channels. Thread-safe.</summary>
internal sealed class ServedLock(string path, SafeFileHandle file, bool readOnly)
{
    // The instance that hands over has stopped its rings, and flushes.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private int _channels;

    /// <summary>Takes the lock for the first channel.</summary>
    /// <exception cref="DiskImageException">Another instance does not give it up.</exception>
    internal void Enter()
    {
        lock (_lock)
        {
            if (_channels == 0)
            {
                RawDiskImage.TakeLock(path, file, readOnly, Patience);
            }

            _channels++;
        }
    }

    /// <summary>Gives the lock up with the last channel.</summary>
    /// <param name="before">What is to be done before.</param>
    internal void Leave(Action before)
    {
        lock (_lock)
        {
            if (--_channels == 0)
            {
                before();
                ImageLock.Release(file);
            }
        }
    }
}
