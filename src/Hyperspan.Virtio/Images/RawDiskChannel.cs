using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>
/// Transfers between a file and pinned memory. What the page cache has is read at once, by the thread that asks; what has to wait for the disk goes to the kernel by io_uring, or
/// to threads that wait.
/// </summary>
internal sealed unsafe class RawDiskChannel(RawDiskImage image) : IDiskChannel
{
    private const uint RingSize = 128;
    private const uint CompletionSize = 1024;

    // After so many reads in a row that the page cache did not have, one in so many is tried there: the ring looks there by itself, but later.
    private const int MissesInARow = 8;
    private const int TriedOneIn = 8;

    // In the low byte of a completion's number; above it the number of the slot.
    private const ulong TransferTag = 0;
    private const ulong KickTag = 1;
    private const ulong StopTag = 2;
    private const ulong SignalTag = 3;
    private const int TagBits = 8;

    private readonly Stack<int> _freeSlots = [];
    private DiskTransfer?[] _slots = [];
    private IoUring? _ring;
    private int _ringThread;
    private int _isEnded;
    private bool _isRegistered;
    private bool _isRefused;
    private int _inRing;
    private int _misses;
    private int _skipped;
    private QueueWake _armed;
    private QueueWake _fired;

    public bool UsesMemory => true;

    /// <summary>Gets or sets a value indicating whether a transfer may be completed later; otherwise each is done by the thread that asks.</summary>
    internal bool MayOverlap { get; set; }

    /// <summary>Gets a value indicating whether something is in the ring: then <see cref="Wait"/> is how to wait.</summary>
    internal bool IsWaiting => _inRing != 0;

    public bool TryTransfer(DiskTransfer transfer, out DiskResult result)
    {
        result = default;
        if (!MayOverlap)
        {
            result = JobOf(transfer).Prepare(isHeld: false).Transfer();
            return true;
        }

        if (!image.CanGoStraight(transfer))
        {
            RunJob(transfer, isHeld: false);
            return false;
        }

        GuestIoVectors vectors = transfer.Vectors!;
        if (!image.IsDirect)
        {
            if (transfer.IsWrite)
            {
                _ = vectors.TryWriteTo(image.TransferFile, (long)transfer.Offset, out FileTransfer written);
                result = RawDiskImage.ResultOf(written, transfer.Length);
                return true;
            }

            if (TryReadNow(transfer, vectors, out result))
            {
                return true;
            }
        }

        bool isHeld = false;
        if (transfer.IsWrite && image.Writes is { } gate)
        {
            isHeld = gate.TryEnterWhole();
            if (!isHeld)
            {
                RunJob(transfer, isHeld: false);
                return false;
            }
        }

        if (!TryPut(transfer, vectors))
        {
            RunJob(transfer, isHeld);
        }

        return false;
    }

    public void Submit()
    {
        if (_inRing != 0 && _ring is { Unsubmitted: > 0 } ring)
        {
            // What is not taken now is when the thread waits.
            _ = ring.Enter(0, 0);
        }
    }

    public void Dispose()
    {
        Rest();
        if (Interlocked.Exchange(ref _isEnded, 1) == 0)
        {
            image.EndChannel();
        }
    }

    /// <summary>Completes what the kernel has completed.</summary>
    internal void Reap()
    {
        if (_ring is not { } ring)
        {
            return;
        }

        while (ring.TryTake(out IoUringCompletion completion))
        {
            switch (completion.UserData & ((1 << TagBits) - 1))
            {
                case KickTag:
                    Fired(QueueWake.Kick, completion.Result, EventWait.Kick((PollEvents)Math.Max(completion.Result, 0)));
                    break;
                case StopTag:
                    Fired(QueueWake.Stop, completion.Result, QueueWake.Stop);
                    break;
                case SignalTag:
                    Fired(QueueWake.Completion, completion.Result, QueueWake.Completion);
                    break;
                default:
                    End((int)(completion.UserData >> TagBits), completion.Result);
                    break;
            }
        }
    }

    /// <summary>Waits for the ring and for the events in one call, which also submits.</summary>
    internal QueueWake Wait(RequestQueueHandler handler, SafeHandle? kick, SafeHandle? stopping, int timeoutMilliseconds)
    {
        IoUring ring = _ring!;
        CompletionSignal signal = handler.Signal;
        signal.BeginSleep();
        bool isReady = handler.HasWork || ring.HasCompletion;
        if (!isReady)
        {
            Arm(QueueWake.Kick, kick, KickTag);
            Arm(QueueWake.Stop, stopping, StopTag);
            Arm(QueueWake.Completion, signal.Event, SignalTag);
            int error = ring.Enter(1, timeoutMilliseconds);
            if (error is not (ErrorNumber.None or ErrorNumber.TryAgain or ErrorNumber.Busy))
            {
                signal.EndSleep(wasSignalled: false);
                throw new IOException($"io_uring_enter: {Marshal.GetPInvokeErrorMessage(error)}");
            }
        }

        signal.EndSleep(wasSignalled: false);
        Reap();
        QueueWake fired = _fired;
        _fired = QueueWake.None;
        if ((fired & QueueWake.Completion) != 0)
        {
            signal.Drain();
        }

        // A kick that fires while the queue is drained is looked for again later: it is still there.
        return (fired & ~(kick is null ? QueueWake.Kick | QueueWake.KickClosed : 0) & ~(stopping is null ? QueueWake.Stop : 0))
            | (isReady || handler.HasWork ? QueueWake.Completion : 0);
    }

    /// <summary>Gives the ring back: it belongs to one thread.</summary>
    internal void Rest()
    {
        _ring?.Dispose();
        _ring = null;
        _armed = _fired = QueueWake.None;
    }

    /// <summary>Reads what can be read without waiting for the disk: all of it, or it counts for nothing.</summary>
    private bool TryReadNow(DiskTransfer transfer, GuestIoVectors vectors, out DiskResult result)
    {
        result = default;
        if (image.NeverWaits)
        {
            _ = vectors.TryReadFrom(image.TransferFile, (long)transfer.Offset, out FileTransfer read);
            result = RawDiskImage.ResultOf(read, transfer.Length);
            return true;
        }

        if (image.LacksNoWait || (_misses >= MissesInARow && ++_skipped % TriedOneIn != 0))
        {
            return false;
        }

        nint got;

        // SAFETY: the vectors are pinned guest memory, and stay until the transfer has ended.
        fixed (IoVector* first = vectors.Vectors)
        {
            got = LibC.Preadv2(image.TransferFile, first, vectors.Count, (long)transfer.Offset, LinuxConstants.RWF_NOWAIT);
        }

        if (got == (nint)transfer.Length)
        {
            _misses = 0;
            return true;
        }

        if (got < 0 && Marshal.GetLastPInvokeError() is ErrorNumber.NotSupported or ErrorNumber.NotImplemented or ErrorNumber.InvalidArgument)
        {
            image.LacksNoWait = true;
        }

        _misses++;
        return false;
    }

    private void RunJob(DiskTransfer transfer, bool isHeld) => image.Workers.Run(JobOf(transfer).Prepare(isHeld));

    private RawDiskJob JobOf(DiskTransfer transfer)
    {
        if (transfer.Job is not { } job || job.Image != image)
        {
            transfer.Job = job = new RawDiskJob(image, transfer);
        }

        return job;
    }

    private bool TryPut(DiskTransfer transfer, GuestIoVectors vectors)
    {
        if (!TryOpenRing())
        {
            return false;
        }

        int slot = TakeSlot(transfer);
        bool isSingle = vectors.Count == 1;
        IoUringSubmission submission;

        // SAFETY: the list of vectors and what it names do not move until the transfer has ended.
        fixed (IoVector* first = vectors.Vectors)
        {
            submission = new IoUringSubmission
            {
                Operation = transfer.IsWrite
                    ? isSingle ? IoUringOperation.Write : IoUringOperation.WriteVectors
                    : isSingle ? IoUringOperation.Read : IoUringOperation.ReadVectors,
                Flags = _isRegistered ? IoUringSubmission.FixedFile : (byte)0,
                Descriptor = _isRegistered ? 0 : (int)image.TransferFile.DangerousGetHandle(),
                Offset = transfer.Offset,
                Address = (ulong)(isSingle ? first->Address : first),
                Length = isSingle ? (uint)first->Length : (uint)vectors.Count,
                UserData = ((ulong)slot << TagBits) | TransferTag,
            };
        }

        if (isSingle && vectors.Length > int.MaxValue)
        {
            // More than one call moves.
            FreeSlot(slot);
            return false;
        }

        if (!TryPut(submission))
        {
            FreeSlot(slot);
            return false;
        }

        _inRing++;
        return true;
    }

    /// <summary>Puts an operation into the ring; where that is full, it is submitted first.</summary>
    private bool TryPut(IoUringSubmission submission)
    {
        if (_ring!.TryPut(submission))
        {
            return true;
        }

        _ = _ring.Enter(0, 0);
        return _ring.TryPut(submission);
    }

    private bool TryOpenRing()
    {
        int thread = Environment.CurrentManagedThreadId;
        if (_ring is not null)
        {
            if (_ringThread == thread)
            {
                return true;
            }

            if (_inRing != 0)
            {
                throw new InvalidOperationException("a queue with requests in flight is worked by another thread");
            }

            Rest();
        }

        if (_isRefused || RawDiskImage.Engine != DiskEngine.IoUring)
        {
            return false;
        }

        _ring = IoUring.TryCreate(RingSize, CompletionSize, out _);
        _isRefused = _ring is null;
        _isRegistered = _ring?.TryRegister(image.TransferFile) ?? false;
        _ringThread = thread;
        return _ring is not null;
    }

    private void End(int slot, int moved)
    {
        DiskTransfer transfer = _slots[slot]!;
        FreeSlot(slot);
        _inRing--;
        bool isHeld = transfer.IsWrite && image.Writes is not null;
        if (moved < 0 || (ulong)moved != transfer.Length)
        {
            // Done again by a thread that may wait: that tells a short transfer from a failed one, and which address failed.
            RunJob(transfer, isHeld);
            return;
        }

        if (isHeld)
        {
            image.Writes!.LeaveWhole();
        }

        transfer.Complete(DiskResult.Success);
    }

    private void Arm(QueueWake what, SafeHandle? handle, ulong tag)
    {
        if (handle is null || (_armed & what) != 0)
        {
            return;
        }

        var poll = new IoUringSubmission
        {
            Operation = IoUringOperation.Poll,
            Descriptor = (int)handle.DangerousGetHandle(),
            OperationFlags = (uint)PollEvents.In,
            UserData = tag,
        };
        if (TryPut(poll))
        {
            _armed |= what;
        }
    }

    private void Fired(QueueWake what, int result, QueueWake means)
    {
        _armed &= ~what;
        _fired |= result > 0 ? means : QueueWake.None;
    }

    private int TakeSlot(DiskTransfer transfer)
    {
        if (_freeSlots.Count == 0)
        {
            int count = _slots.Length;
            Array.Resize(ref _slots, Math.Max(16, count * 2));
            for (int slot = _slots.Length - 1; slot >= count; slot--)
            {
                _freeSlots.Push(slot);
            }
        }

        int taken = _freeSlots.Pop();
        _slots[taken] = transfer;
        return taken;
    }

    private void FreeSlot(int slot)
    {
        _slots[slot] = null;
        _freeSlots.Push(slot);
    }
}
