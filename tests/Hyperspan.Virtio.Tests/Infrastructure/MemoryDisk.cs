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

    public bool TryTransfer(DiskTransfer transfer, out DiskResult result)
    {
        Span<byte> bytes = Bytes.AsSpan((int)transfer.Offset, (int)transfer.Length);
        if (!Fail(out result))
        {
            _ = transfer.IsWrite ? transfer.TryCopyTo(0, bytes, out result) : transfer.TryCopyFrom(0, bytes, out result);
        }

        return true;
    }

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

        failure = FailWith == 0 ? DiskResult.Success : DiskResult.FromErrorNumber(FailWith);
        return FailWith != 0;
    }
}
