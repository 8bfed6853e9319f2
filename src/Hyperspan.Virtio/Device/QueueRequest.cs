using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

using Hyperspan.Streaming;

namespace Hyperspan.Virtio;

/// <summary>
/// A chain that a <see cref="RequestQueueHandler"/> has taken: it belongs to whoever serves it, until it is completed. Used again for later chains, so it is not to be
/// kept afterwards.
/// </summary>
/// <remarks>
/// Its buffers may be read and written by one thread at a time, whichever. An access to memory that has gone meanwhile fails as a value. Completing it is safe from any
/// thread, and allowed once.
/// </remarks>
[DebuggerDisplay("{Chain}")]
public class QueueRequest
{
    private RequestQueueHandler? _handler;
    private long _startedAt;
    private int _isCompleted;

    /// <summary>Gets the chain.</summary>
    public DescriptorChain Chain { get; } = new(capacity: 8);

    /// <summary>Gets the buffers that the device may read.</summary>
    public ChainPart Readable => Chain.Readable;

    /// <summary>Gets the buffers that the device may write.</summary>
    public ChainPart Writable => Chain.Writable;

    /// <summary>Gets the thread-safe list this is in: free requests, or completed ones.</summary>
    internal QueueRequest? Next { get; set; }

    internal uint Written { get; private set; }

    internal Exception? Failure { get; private set; }

    /// <summary>Gets a value indicating whether a buffer could not be accessed: then <see cref="BufferFault"/> says why.</summary>
    internal bool HasFailed { get; private set; }

    internal GuestMemoryFault BufferFault { get; private set; }

    /// <summary>Gets when it was left in flight, as a timestamp of <see cref="Stopwatch"/>; zero while it is not.</summary>
    internal long StartedAt => Volatile.Read(ref _startedAt);

    /// <summary>
    /// Completes it: its handler's thread returns the chain to the driver. May be called before <see cref="RequestQueueHandler.TryServe"/> has returned.
    /// </summary>
    /// <param name="written">How many bytes were written to its device-writable buffers.</param>
    /// <exception cref="InvalidOperationException">It has been completed already.</exception>
    public void Complete(uint written) => End(written, null);

    /// <summary>
    /// Completes it, because a buffer of it cannot be accessed: the guest's IOMMU refuses it, or its memory is restricted or gone. The chain is returned to the driver, the
    /// failure is counted and told by the transport, and the queue goes on. May be called before <see cref="RequestQueueHandler.TryServe"/> has returned <see langword="false"/>.
    /// </summary>
    /// <param name="fault">
    /// What the access met (<see cref="ChainReader.Fault"/>, <see cref="ChainWriter.Fault"/>). Where it is none, since there were too few bytes, nothing is counted.
    /// </param>
    /// <param name="written">How many bytes were written to its device-writable buffers, from the first on: zero where that is not known.</param>
    /// <exception cref="InvalidOperationException">It has been completed already.</exception>
    public void Fail(in GuestMemoryFault fault, uint written) => End(written, null, fault);

    /// <summary>Completes it when a task ends, with the number of bytes written that it gives. One that was cancelled has written none.</summary>
    /// <param name="serving">
    /// The task. A <see cref="GuestMemoryException"/> fails the request, as <see cref="Fail"/> does, with nothing written; so does a <see cref="MemoryStreamingException"/> of
    /// memory that cannot be accessed. What else it throws fails the handler, and with it the connection.
    /// </param>
    /// <exception cref="InvalidOperationException">It has been completed already.</exception>
    public void CompleteAfter(ValueTask<uint> serving)
    {
        if (serving.IsCompletedSuccessfully)
        {
            Complete(serving.Result);
            return;
        }

        _ = CompleteAfterAsync(serving);
    }

    /// <summary>Names it in a log: what it asks for.</summary>
    /// <returns>The text; the default one says how much it reads and writes.</returns>
    public virtual string Describe() => string.Create(
        CultureInfo.InvariantCulture, $"request {Chain.Head} ({Chain.ReadableLength} bytes to the device, {Chain.WritableLength} from it)");

    internal void Begin(RequestQueueHandler handler)
    {
        _handler = handler;
        _isCompleted = 0;
        Failure = null;
        HasFailed = false;
    }

    /// <summary>Takes note of a buffer that cannot be accessed. Only the first is kept.</summary>
    internal void MarkFailed(in GuestMemoryFault fault)
    {
        if (fault.IsFault && !HasFailed)
        {
            BufferFault = fault;
            HasFailed = true;
        }
    }

    /// <summary>Ends it for what serving it threw.</summary>
    /// <returns>Whether its handler is to return it now: not so where it has been completed before.</returns>
    internal bool TryEnd(Exception failure)
    {
        if (Interlocked.Exchange(ref _isCompleted, 1) != 0)
        {
            return false;
        }

        MarkFailed(FaultOf(failure));
        return true;
    }

    /// <summary>Whether an exception says that guest memory could not be accessed.</summary>
    internal static bool IsBufferFault(Exception e) => FaultOf(e).IsFault;

    internal void MarkInFlight() => Volatile.Write(ref _startedAt, Stopwatch.GetTimestamp());

    internal void MarkDone() => Volatile.Write(ref _startedAt, 0);

    /// <summary>Has the handler's thread look at it again: for what a device does in several steps. Once a step.</summary>
    internal void Post() => _handler!.Post(this);

    [SuppressMessage("Design", "CA1031", Justification = "It is thrown again by the handler's thread.")]
    private async Task CompleteAfterAsync(ValueTask<uint> serving)
    {
        try
        {
            End(await serving.ConfigureAwait(false), null);
        }
        catch (OperationCanceledException)
        {
            End(0, null);
        }
        catch (Exception e)
        {
            GuestMemoryFault fault = FaultOf(e);
            End(0, fault.IsFault ? null : e, fault);
        }
    }

    private static GuestMemoryFault FaultOf(Exception e) => e switch
    {
        // Of the caller's own buffer it says nothing about the guest's.
        GuestMemoryException { Kind: not GuestMemoryFaultKind.CallerBuffer } memory => memory.Fault,
        MemoryStreamingException { InnerException: GuestMemoryException memory } => FaultOf(memory),
        _ => default,
    };

    private void End(uint written, Exception? failure, in GuestMemoryFault fault = default)
    {
        RequestQueueHandler handler = _handler ?? throw new InvalidOperationException("the request has not been taken from a queue");
        if (Interlocked.Exchange(ref _isCompleted, 1) != 0)
        {
            throw new InvalidOperationException("the request has been completed already");
        }

        Written = written;
        Failure = failure;
        MarkFailed(fault);
        handler.Post(this);
    }
}
