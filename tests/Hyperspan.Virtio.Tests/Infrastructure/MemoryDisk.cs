namespace Hyperspan.Virtio.Tests;

/// <summary>A disk in an array, which fails on demand.</summary>
internal sealed class MemoryDisk(int length, bool readOnly = false) : IDiskImage, IDiskChannel
{
    internal byte[] Bytes { get; } = new byte[length];

    internal int Flushes { get; private set; }

    internal int Channels { get; private set; }

    internal List<(ulong Offset, ulong Length)> Discards { get; } = [];

    internal int FailWith { get; set; }

    internal Exception? Throw { get; set; }

    public ulong Length => (ulong)Bytes.Length;

    public bool IsReadOnly => readOnly;

    public IDiskChannel CreateChannel()
    {
        Channels++;
        return this;
    }

    public DiskResult Read(ulong offset, ulong length, scoped ref ChainWriter destination) =>
        Fail(out DiskResult failure)
            ? failure
            : destination.TryWrite(Bytes.AsSpan((int)offset, (int)length)) ? DiskResult.Success : DiskResult.FromFault(destination.Fault);

    public DiskResult Write(ulong offset, ulong length, scoped ref ChainReader source) =>
        Fail(out DiskResult failure)
            ? failure
            : source.TryRead(Bytes.AsSpan((int)offset, (int)length)) ? DiskResult.Success : DiskResult.FromFault(source.Fault);

    public DiskResult Flush()
    {
        Flushes++;
        Fail(out DiskResult failure);
        return failure;
    }

    public DiskResult Discard(ulong offset, ulong length)
    {
        Discards.Add((offset, length));
        Fail(out DiskResult failure);
        return failure;
    }

    public DiskResult WriteZeroes(ulong offset, ulong length, bool mayUnmap)
    {
        if (!Fail(out DiskResult failure))
        {
            Bytes.AsSpan((int)offset, (int)length).Clear();
        }

        return failure;
    }

    public void Dispose()
    {
    }

    private bool Fail(out DiskResult failure)
    {
        if (Throw is not null)
        {
            throw Throw;
        }

        failure = FailWith == 0 ? DiskResult.Success : DiskResult.FromErrno(FailWith);
        return FailWith != 0;
    }
}
