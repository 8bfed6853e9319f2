namespace Hyperspan.Virtio;

/// <summary>A channel whose end may end the lock of its image.</summary>
internal sealed class LockedChannel(IDiskChannel inner, RawDiskImage image) : IDiskChannel
{
    private bool _ended;

    public DiskResult Read(ulong offset, ulong length, scoped ref ChainWriter destination) => inner.Read(offset, length, ref destination);

    public DiskResult Write(ulong offset, ulong length, scoped ref ChainReader source) => inner.Write(offset, length, ref source);

    public void Dispose()
    {
        if (!_ended)
        {
            _ended = true;
            inner.Dispose();
            image.EndChannel();
        }
    }
}
