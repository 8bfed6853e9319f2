namespace Hyperspan.Virtio.Tests;

/// <summary>A disk in an array whose flushes last until the test ends them.</summary>
internal sealed class HeldDisk(int length) : IDiskImage, IDiskChannel
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly byte[] _bytes = new byte[length];
    private readonly SemaphoreSlim _begun = new(0);
    private readonly SemaphoreSlim _ended = new(0);
    private int _flushes;
    private int _errno;

    internal int Flushes => Volatile.Read(ref _flushes);

    public ulong Length => (ulong)_bytes.Length;

    public bool IsReadOnly => false;

    internal void WaitForFlush() => _begun.Wait(Patience).ShouldBeTrue("no flush begins");

    internal void EndFlush(int errno)
    {
        _errno = errno;
        _ended.Release();
    }

    public IDiskChannel CreateChannel() => this;

    public bool TryTransfer(DiskTransfer transfer, out DiskResult result)
    {
        Span<byte> bytes = _bytes.AsSpan((int)transfer.Offset, (int)transfer.Length);
        _ = transfer.IsWrite ? transfer.TryCopyTo(0, bytes, out result) : transfer.TryCopyFrom(0, bytes, out result);
        return true;
    }

    public DiskResult Flush()
    {
        Interlocked.Increment(ref _flushes);
        _begun.Release();
        _ended.Wait(Patience).ShouldBeTrue("the flush is not ended");
        return _errno == 0 ? DiskResult.Success : DiskResult.FromErrorNumber(_errno);
    }

    public DiskResult Discard(ulong offset, ulong length) => DiskResult.Success;

    public DiskResult WriteZeroes(ulong offset, ulong length, bool mayUnmap) => DiskResult.Success;

    public void Dispose()
    {
    }
}
