namespace Hyperspan.Virtio;

/// <summary>The data of a block request: a piece of it after the other, since a hostile chain may have thousands of buffers.</summary>
internal sealed class BlockTransfer(BlockRequest request) : DiskTransfer, IDisposable
{
    // So that neither memory nor the number of pinned pages depends on what a guest chooses.
    private const int MaxSegments = 256;

    private readonly GuestIoVectors _vectors = new(AccessType.Read, 16);
    private ulong _start;
    private ulong _total;
    private ulong _done;

    public override ReadOnlySpan<IoVector> Memory => _vectors.Vectors;

    internal override GuestIoVectors? Vectors => _vectors;

    /// <summary>Gets a value indicating whether all pieces have been transferred.</summary>
    internal bool IsComplete => _done == _total;

    internal ulong Total => _total;

    internal ulong Start => _start;

    internal void Reset(bool isWrite, ulong start, ulong total) => (IsWrite, _start, _total, _done) = (isWrite, start, total, 0);

    /// <summary>Prepares the next piece.</summary>
    /// <param name="locks">Whether its memory is to be pinned. What cannot be pinned is left to be copied.</param>
    /// <param name="fault">The fault of guest memory.</param>
    /// <returns>Whether it is prepared.</returns>
    internal bool TryPrepare(bool locks, out GuestMemoryFault fault)
    {
        fault = default;
        ulong left = _total - _done;
        Offset = _start + _done;
        Length = left;
        if (locks)
        {
            bool isLocked;
            ulong gathered;
            _vectors.Access = IsWrite ? AccessType.Read : AccessType.Write;
            if (IsWrite)
            {
                ChainReader reader = Reader(0);
                isLocked = reader.TryGather(_vectors, left, MaxSegments, out gathered);
                fault = reader.Fault;
            }
            else
            {
                ChainWriter writer = Writer(0);
                isLocked = writer.TryGather(_vectors, left, MaxSegments, out gathered);
                fault = writer.Fault;
            }

            if (isLocked)
            {
                Length = gathered;
            }
            else
            {
                _vectors.Clear();
                if (fault.Kind != GuestMemoryFaultKind.NotPinnable)
                {
                    return false;
                }

                fault = default;
            }
        }

        Begin();
        return true;
    }

    /// <summary>The piece has been transferred, or has failed: its memory is unpinned.</summary>
    internal void EndPiece(bool succeeded)
    {
        _vectors.Clear();
        _done += succeeded ? Length : 0;
    }

    public override bool TryCopyTo(ulong at, Span<byte> destination, out DiskResult failure)
    {
        ChainReader reader = Reader(at);
        bool isCopied = reader.TryRead(destination);
        failure = isCopied ? DiskResult.Success : DiskResult.FromFault(reader.Fault);
        return isCopied;
    }

    public override bool TryCopyFrom(ulong at, ReadOnlySpan<byte> source, out DiskResult failure)
    {
        ChainWriter writer = Writer(at);
        bool isCopied = writer.TryWrite(source);
        failure = isCopied ? DiskResult.Success : DiskResult.FromFault(writer.Fault);
        return isCopied;
    }

    protected override void OnCompleted(in DiskResult result) => request.EndStep(result);

    public void Dispose() => _vectors.Dispose();

    private ChainReader Reader(ulong at)
    {
        ChainReader reader = request.Readable.CreateReader();
        reader.TrySkip(BlockRequestHeader.Size + _done + at);
        return reader;
    }

    private ChainWriter Writer(ulong at)
    {
        ChainWriter writer = request.Writable.CreateWriter();
        writer.TrySkip(_done + at);
        return writer;
    }
}
