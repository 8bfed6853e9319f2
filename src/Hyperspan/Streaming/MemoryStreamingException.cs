namespace Hyperspan.Streaming;

/// <summary>A step of a sequential reader or writer failed. The message names what was asked for and what was left, or is that of the memory's fault.</summary>
public sealed class MemoryStreamingException : Exception
{
    private readonly StreamingFault _fault;

    /// <summary>Initializes a new instance of the <see cref="MemoryStreamingException"/> class.</summary>
    /// <param name="fault">What failed.</param>
    public MemoryStreamingException(StreamingFault fault)
        : base(fault.ToString(), fault.Kind == StreamingFaultKind.Memory ? fault.MemoryFault.ToException() : null) => _fault = fault;

    /// <summary>Gets what failed.</summary>
    public StreamingFault Fault => _fault;

    /// <summary>Gets the kind of failure.</summary>
    public StreamingFaultKind Kind => _fault.Kind;
}
