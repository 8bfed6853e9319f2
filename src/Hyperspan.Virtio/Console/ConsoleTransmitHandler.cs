namespace Hyperspan.Virtio;

/// <summary>The queue by which the guest sends something. One request at a time waits for room, and whoever makes room goes on with it.</summary>
internal sealed class ConsoleTransmitHandler(VirtioConsoleDevice device) : RequestQueueHandler
{
    private readonly Lock _gate = new();
    private readonly byte[] _page = new byte[GuestAddress.PageSize];
    private QueueRequest? _waiting;
    private ulong _sent;

    protected override bool MayTake => Volatile.Read(ref _waiting) is null;

    /// <summary>There is room. From any thread.</summary>
    internal void Continue()
    {
        lock (_gate)
        {
            if (_waiting is { } request && Send(request, out GuestMemoryFault fault) is not false)
            {
                End(request, fault);
            }
        }
    }

    /// <inheritdoc/>
    public override void CancelRequests()
    {
        lock (_gate)
        {
            if (_waiting is { } request)
            {
                End(request, default);
            }
        }

        base.CancelRequests();
    }

    protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
    {
        written = 0;
        lock (_gate)
        {
            _sent = 0;
            bool? isSent = Send(request, out GuestMemoryFault fault);
            AddBytes(isSent is null ? _sent : request.Readable.Length);
            if (isSent is false)
            {
                Volatile.Write(ref _waiting, request);
                return false;
            }

            request.MarkFailed(fault);
            return true;
        }
    }

    protected override void Dispose(bool disposing)
    {
        device.Forget(this);
        base.Dispose(disposing);
    }

    private void End(QueueRequest request, in GuestMemoryFault fault)
    {
        Volatile.Write(ref _waiting, null);
        request.Fail(fault, 0);
    }

    /// <summary>Sends as much as there is room for, on from where it stopped.</summary>
    /// <returns>Whether that was all of it; <see langword="null"/> where it cannot be read.</returns>
    private bool? Send(QueueRequest request, out GuestMemoryFault fault)
    {
        ChainReader reader = request.Readable.CreateReader();
        reader.TrySkip(_sent);
        fault = default;
        while (reader.Remaining != 0)
        {
            int length = (int)Math.Min((ulong)Math.Min(device.OutputRoom, _page.Length), reader.Remaining);
            if (length == 0)
            {
                return false;
            }

            Span<byte> bytes = _page.AsSpan(0, length);
            if (!reader.TryRead(bytes))
            {
                fault = reader.Fault;
                return null;
            }

            // Nobody but an emergency can have taken the room meanwhile: what finds none is lost then, as its characters are.
            device.PutOutput(bytes);
            _sent += (uint)length;
        }

        return true;
    }
}
