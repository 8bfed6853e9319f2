namespace Hyperspan.Guarding;

/// <summary>The first byte of a range that could not be accessed, and the signal the attempt raised.</summary>
internal readonly unsafe struct GuardedFault
{
    private readonly byte* _address;

    public GuardedFault(byte* address, int signal)
    {
        _address = address;
        Signal = signal;
    }

    /// <summary>The byte; null where there is no fault.</summary>
    public byte* Address => _address;

    /// <summary>11 for SIGSEGV, 7 for SIGBUS, 0 where there is no fault.</summary>
    public int Signal { get; }

    /// <summary>Every byte was accessible when it was probed.</summary>
    public bool IsNone => Signal == 0;
}
