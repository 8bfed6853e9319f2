using System.Globalization;

namespace Hyperspan.Streaming;

/// <summary>Why a step of a sequential reader or writer failed: what was asked for, and what was left.</summary>
/// <remarks>
/// A plain value: making one neither throws nor allocates. The default value means "no fault"; it is what a <c>Try</c> method returns when it succeeds.
/// </remarks>
public readonly struct StreamingFault
{
    private readonly GuestMemoryFault _memoryFault;

    private StreamingFault(StreamingFaultKind kind, ulong requested, ulong remaining, in GuestMemoryFault memoryFault)
    {
        Kind = kind;
        Requested = requested;
        Remaining = remaining;
        _memoryFault = memoryFault;
    }

    /// <summary>Gets a value indicating whether there is a fault at all.</summary>
    public bool IsFault => Kind != StreamingFaultKind.None;

    /// <summary>Gets the kind of failure.</summary>
    public StreamingFaultKind Kind { get; }

    /// <summary>
    /// Gets the number of bytes that the step asked for; <see cref="ulong.MaxValue"/> where the number does not fit.
    /// </summary>
    public ulong Requested { get; }

    /// <summary>Gets the number of bytes that were left, and still are: a step that fails consumes nothing.</summary>
    public ulong Remaining { get; }

    /// <summary>Gets the fault of the guest memory, where that is the <see cref="Kind"/>; the default value otherwise.</summary>
    public GuestMemoryFault MemoryFault => _memoryFault;

    /// <summary>Makes the fault of a step that guest memory refused, for readers and writers of your own.</summary>
    /// <param name="fault">The fault of the memory.</param>
    /// <param name="requested">The number of bytes that the step asked for.</param>
    /// <param name="remaining">The number of bytes that were left.</param>
    /// <returns>The fault.</returns>
    public static StreamingFault Memory(in GuestMemoryFault fault, ulong requested, ulong remaining) =>
        new(StreamingFaultKind.Memory, requested, remaining, fault);

    /// <summary>Makes the fault of a step that asked for more than is left, for readers and writers of your own.</summary>
    /// <param name="requested">The number of bytes that the step asked for.</param>
    /// <param name="remaining">The number of bytes that were left.</param>
    /// <returns>The fault.</returns>
    public static StreamingFault OutOfRange(ulong requested, ulong remaining) =>
        new(StreamingFaultKind.OutOfRange, requested, remaining, default);

    /// <summary>Makes the fault of a write to something that may only be read, for writers of your own.</summary>
    /// <param name="requested">The number of bytes that the step asked for.</param>
    /// <param name="remaining">The number of bytes that were left.</param>
    /// <returns>The fault.</returns>
    public static StreamingFault ReadOnly(ulong requested, ulong remaining) =>
        new(StreamingFaultKind.ReadOnly, requested, remaining, default);

    /// <summary>Makes the fault of a step whose result fits no array, for readers of your own.</summary>
    /// <param name="requested">The number of bytes that the step asked for.</param>
    /// <param name="remaining">The number of bytes that were left.</param>
    /// <returns>The fault.</returns>
    public static StreamingFault TooLarge(ulong requested, ulong remaining) =>
        new(StreamingFaultKind.TooLarge, requested, remaining, default);

    /// <summary>The same fault as seen by somebody who may do less than whoever met it.</summary>
    internal StreamingFault Within(ulong remaining) => new(Kind, Requested, remaining, _memoryFault);

    /// <summary>The same fault as seen by somebody who asked for more, and has got a part of it by a copy.</summary>
    internal StreamingFault Of(ulong requested, ulong remaining) => new(Kind, requested, remaining, _memoryFault);

    /// <summary>Returns the exception that the throwing form of the step throws.</summary>
    /// <returns>A new exception that carries this fault.</returns>
    public MemoryStreamingException ToException() => new(this);

    /// <summary>Returns the message: <c>out of range: 0x20 bytes asked for, 0x10 left</c>.</summary>
    /// <returns>The message.</returns>
    public override string ToString() => Kind switch
    {
        StreamingFaultKind.Memory => _memoryFault.ToString(),
        StreamingFaultKind.OutOfRange => string.Create(
            CultureInfo.InvariantCulture, $"out of range: 0x{Requested:x} bytes asked for, 0x{Remaining:x} left"),
        StreamingFaultKind.ReadOnly => string.Create(
            CultureInfo.InvariantCulture, $"write of 0x{Requested:x} bytes refused: the memory is read-only"),
        StreamingFaultKind.TooLarge => string.Create(CultureInfo.InvariantCulture, $"too large: 0x{Requested:x} bytes do not fit an array"),
        _ => "no fault",
    };
}
