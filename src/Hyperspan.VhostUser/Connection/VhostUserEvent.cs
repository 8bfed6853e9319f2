using System.Globalization;

namespace Hyperspan.VhostUser;

/// <summary>Something that happened to a back end, for its log.</summary>
public sealed record VhostUserEvent
{
    /// <summary>Initializes a new instance of the <see cref="VhostUserEvent"/> class.</summary>
    /// <param name="kind">What happened.</param>
    /// <param name="connection">Which connection it happened to, counted from one; zero for the server itself.</param>
    /// <param name="text">The details in words: what was agreed, or the reason.</param>
    /// <param name="message">
    /// The message that was wrong, for <see cref="VhostUserEventKind.ProtocolError"/>, or could not be done, for <see
    /// cref="VhostUserEventKind.DeviceFailed"/>.
    /// </param>
    /// <param name="queue">The queue concerned, where it is one.</param>
    public VhostUserEvent(VhostUserEventKind kind, long connection, string text, VhostUserMessage? message = null, int? queue = null)
    {
        Kind = kind;
        Connection = connection;
        Text = text;
        Message = message;
        Queue = queue;
    }

    /// <summary>Gets what happened.</summary>
    public VhostUserEventKind Kind { get; }

    /// <summary>Gets which connection it happened to, counted from one; zero for the server itself.</summary>
    public long Connection { get; }

    /// <summary>Gets the details in words: what was agreed, or the reason.</summary>
    public string Text { get; }

    /// <summary>
    /// Gets the message that was wrong, for <see cref="VhostUserEventKind.ProtocolError"/>, or could not be done, for <see
    /// cref="VhostUserEventKind.DeviceFailed"/>.
    /// </summary>
    public VhostUserMessage? Message { get; }

    /// <summary>Gets the queue concerned, where it is one.</summary>
    public int? Queue { get; }

    /// <summary>
    /// Gets what an access to guest memory met, for <see cref="VhostUserEventKind.MemoryLost"/>, <see cref="VhostUserEventKind.RingBroken"/> and <see
    /// cref="VhostUserEventKind.BufferFault"/>.
    /// </summary>
    public GuestMemoryFault? Fault { get; init; }

    /// <summary>Gets what was thrown, for <see cref="VhostUserEventKind.DeviceFailed"/>.</summary>
    public Exception? Exception { get; init; }

    /// <summary>Gets a value indicating whether something went wrong.</summary>
    public bool IsError => IsErrorKind(Kind);

    /// <summary>Returns one line for a log: <c>connection 2: protocol error: SET_VRING_NUM: size 3 is not a power of two</c>.</summary>
    /// <returns>The line, without a time and without a line end.</returns>
    public override string ToString()
    {
        string who = Connection == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"connection {Connection}: ");
        string queue = Queue is { } index ? string.Create(CultureInfo.InvariantCulture, $"queue {index}: ") : "";
        string message = Message is { } id ? MessageRule.NameOf(id) + ": " : "";
        return $"{who}{NameOf(Kind)}: {queue}{message}{Text}";
    }

    internal static bool IsErrorKind(VhostUserEventKind kind) => kind >= VhostUserEventKind.BufferFault;

    internal static string NameOf(VhostUserEventKind kind) => kind switch
    {
        VhostUserEventKind.Listening => "listening",
        VhostUserEventKind.Connected => "connected",
        VhostUserEventKind.Negotiated => "negotiated",
        VhostUserEventKind.MemoryChanged => "memory",
        VhostUserEventKind.RingStarted => "ring started",
        VhostUserEventKind.RingStopped => "ring stopped",
        VhostUserEventKind.Resubmitted => "resubmitted",
        VhostUserEventKind.Untracked => "untracked",
        VhostUserEventKind.LogChanged => "log of writes",
        VhostUserEventKind.ConfigurationRefused => "configuration refused",
        VhostUserEventKind.StateTransferred => "state",
        VhostUserEventKind.StateRefused => "state refused",
        VhostUserEventKind.Reset => "reset",
        VhostUserEventKind.Disconnected => "disconnected",
        VhostUserEventKind.Stopped => "stopped",
        VhostUserEventKind.RequestSlow => "slow request",
        VhostUserEventKind.BackendChannelClosed => "back-end channel closed",
        VhostUserEventKind.BufferFault => "buffer fault",
        VhostUserEventKind.RingBroken => "ring broken",
        VhostUserEventKind.QueueStuck => "queue stuck",
        VhostUserEventKind.MemoryLost => "memory lost",
        VhostUserEventKind.ProtocolError => "protocol error",
        VhostUserEventKind.ConnectionLost => "connection lost",
        _ => "device failed",
    };
}
