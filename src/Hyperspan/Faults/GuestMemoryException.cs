namespace Hyperspan;

/// <summary>An access to guest memory failed. The message names operation, memory, range, first failing address and reason.</summary>
public sealed class GuestMemoryException : Exception
{
    private readonly GuestMemoryFault _fault;

    /// <summary>Initializes a new instance of the <see cref="GuestMemoryException"/> class.</summary>
    /// <param name="fault">What failed.</param>
    public GuestMemoryException(GuestMemoryFault fault)
        : base(fault.ToString(), fault.Exception) => _fault = fault;

    /// <summary>Gets what failed.</summary>
    public GuestMemoryFault Fault => _fault;

    /// <summary>Gets the kind of failure.</summary>
    public GuestMemoryFaultKind Kind => _fault.Kind;

    /// <summary>Gets the lowest address that could not be accessed, if one is at fault.</summary>
    public GuestAddress? Address => _fault.Address;

    /// <summary>Gets the length in bytes of the range that was asked for, from <see cref="GuestMemoryFault.Start"/> on; zero for a list of pages.</summary>
    public ulong Length => _fault.Length;
}
