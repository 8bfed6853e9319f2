using System.Diagnostics;

namespace Hyperspan.VhostUser;

/// <summary>What a back end has done, for a status line. It may be read from any thread; the numbers only grow.</summary>
[DebuggerDisplay("{Connections} connections, {Requests} requests, {Bytes} bytes, {Errors} errors")]
public sealed class VhostUserStatistics
{
    private long _connections;
    private long _messages;
    private long _requests;
    private long _bytes;
    private long _notifications;
    private long _bufferFailures;
    private readonly long[] _errors = new long[ErrorKinds.Length];

    /// <summary>Gets how many front ends have connected.</summary>
    public long Connections => Volatile.Read(ref _connections);

    /// <summary>Gets how many messages were received.</summary>
    public long Messages => Volatile.Read(ref _messages);

    /// <summary>Gets how many requests were completed.</summary>
    public long Requests => Volatile.Read(ref _requests);

    /// <summary>Gets how many bytes of data requests moved.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Gets how often the guest was notified.</summary>
    public long Notifications => Volatile.Read(ref _notifications);

    /// <summary>
    /// Gets how many requests failed because a buffer of theirs could not be accessed, of devices that leave it to the queue to tell (<see
    /// cref="Virtio.QueueProcessResult.BufferFailures"/>): a disk tells of its own.
    /// </summary>
    public long BufferFailures => Volatile.Read(ref _bufferFailures);

    /// <summary>Gets how many events were errors.</summary>
    public long Errors => ErrorKinds.Sum(CountOf);

    /// <summary>Gets the kinds of event that are errors.</summary>
    internal static VhostUserEventKind[] ErrorKinds { get; } = [.. Enum.GetValues<VhostUserEventKind>().Where(VhostUserEvent.IsErrorKind)];

    internal long AddConnection() => Interlocked.Increment(ref _connections);

    internal void AddMessage() => Interlocked.Increment(ref _messages);

    internal void AddNotification() => Interlocked.Increment(ref _notifications);

    internal void AddBufferFailures(uint count) => Interlocked.Add(ref _bufferFailures, count);

    internal void AddError(VhostUserEventKind kind) => Interlocked.Increment(ref _errors[kind - ErrorKinds[0]]);

    /// <summary>Gets how many events of a kind that is an error there were.</summary>
    internal long CountOf(VhostUserEventKind kind) => Volatile.Read(ref _errors[kind - ErrorKinds[0]]);

    internal void AddRequests(ulong requests, ulong bytes)
    {
        Interlocked.Add(ref _requests, (long)requests);
        Interlocked.Add(ref _bytes, (long)bytes);
    }
}
