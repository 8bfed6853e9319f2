using System.Globalization;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <summary>
/// Why an access to guest memory failed: what was asked for, of which memory, and the lowest address that could not be accessed.
/// </summary>
/// <remarks>
/// A plain value: making one neither throws nor allocates, so that a guest that sends bad addresses by the million costs nothing.
/// The <c>Try</c> methods of <see cref="GuestMemory"/> return it; the others throw it in a <see cref="GuestMemoryException"/>.
/// The default value means "no fault"; it is what a <c>Try</c> method returns when it succeeds.
/// </remarks>
public readonly struct GuestMemoryFault
{
    private readonly string? _memoryName;
    private readonly GuestMemoryFaultFlags _flags;
    private readonly GuestMemoryFaultKind _kind;
    private readonly GuestMemoryOperation _operation;
    private readonly FaultCause _cause;
    private readonly ulong _start;
    private readonly ulong _length;
    private readonly ulong _address;
    private readonly ulong _target;

    internal GuestMemoryFault(
        string memoryName,
        GuestMemoryOperation operation,
        GuestMemoryFaultKind kind,
        FaultCause cause,
        ulong? address = null,
        (ulong Start, ulong Length)? range = null,
        string? backingName = null,
        Exception? exception = null,
        ulong? target = null)
    {
        _memoryName = memoryName;
        _operation = operation;
        _kind = kind;
        _cause = cause;
        BackingName = backingName;
        Exception = exception;
        _flags = GuestMemoryFaultFlags.Faulted;
        if (address is { } at)
        {
            _address = at;
            _flags |= GuestMemoryFaultFlags.HasAddress;
        }

        if (range is { } asked)
        {
            (_start, _length) = asked;
            _flags |= GuestMemoryFaultFlags.HasRange;
        }

        if (target is { } translated)
        {
            _target = translated;
            _flags |= GuestMemoryFaultFlags.HasTarget;
        }
    }

    private GuestMemoryFault(string memoryName, GuestMemoryOperation operation, ulong pageNumber, int index)
    {
        _memoryName = memoryName;
        _operation = operation;
        _kind = GuestMemoryFaultKind.OutOfRange;
        _cause = FaultCause.Check;
        _flags = GuestMemoryFaultFlags.Faulted | GuestMemoryFaultFlags.HasPageNumber;
        _start = (ulong)index;
        _address = pageNumber;
    }

    /// <summary>Gets a value indicating whether there is a fault at all: <see langword="false"/> for the default value alone.</summary>
    public bool IsFault => (_flags & GuestMemoryFaultFlags.Faulted) != 0;

    /// <summary>Gets the kind of failure.</summary>
    public GuestMemoryFaultKind Kind => _kind;

    /// <summary>Gets the operation that failed.</summary>
    public GuestMemoryOperation Operation => _operation;

    /// <summary>Gets what made it fail.</summary>
    public FaultCause Cause => _cause;

    /// <summary>Gets the name the memory was created with; empty in the default value.</summary>
    public string MemoryName => _memoryName ?? "";

    /// <summary>Gets the name of the backing that the failing address belongs to, or <see langword="null"/> where the address belongs to none.</summary>
    public string? BackingName { get; }

    /// <summary>Gets the exception that a method of the backing threw or handed over, if any.</summary>
    public Exception? Exception { get; }

    /// <summary>
    /// Gets a value indicating whether <see cref="Start"/> and <see cref="Length"/> say what was asked for; pins and probes of page lists have no single range.
    /// </summary>
    public bool HasRange => (_flags & GuestMemoryFaultFlags.HasRange) != 0;

    /// <summary>Gets the first address of the range that was asked for.</summary>
    public GuestAddress Start => new(_start);

    /// <summary>Gets the length in bytes of the range that was asked for. It may reach past 2^64: then that is the fault.</summary>
    public ulong Length => _length;

    /// <summary>Gets the lowest address in the range that could not be accessed, exact to the byte, or <see langword="null"/> where no address is at fault.</summary>
    public GuestAddress? Address => (_flags & GuestMemoryFaultFlags.HasAddress) != 0 ? new GuestAddress(_address) : null;

    /// <summary>
    /// Gets the guest-physical address that <see cref="Address"/> was translated to, or <see langword="null"/> where it was not: in a memory that is no <see
    /// cref="Translation.TranslatedMemory"/>, and where there is no translation that permits the access.
    /// </summary>
    public GuestAddress? TargetAddress => (_flags & GuestMemoryFaultFlags.HasTarget) != 0 ? new GuestAddress(_target) : null;

    /// <summary>Gets the number in a list of pages that is to blame: one of 2^52 or more, which names no address. <see langword="null"/> for any other fault.</summary>
    public ulong? PageNumber => (_flags & GuestMemoryFaultFlags.HasPageNumber) != 0 ? _address : null;

    /// <summary>
    /// Gets where in its list <see cref="PageNumber"/> is, counted from zero, or <see langword="null"/> where there is none. For a reader or a writer the list begins
    /// with the page it stands in.
    /// </summary>
    public int? PageIndex => (_flags & GuestMemoryFaultFlags.HasPageNumber) != 0 ? (int)_start : null;

    /// <summary>Gets the reason in words, without what was asked for: <c>page not mapped (SIGSEGV)</c>.</summary>
    public string Reason => GuestMemoryFaultText.Reason(this);

    /// <summary>Returns the exception that the throwing form of the operation throws.</summary>
    /// <returns>A new exception that carries this fault.</returns>
    public GuestMemoryException ToException() => new(this);

    /// <summary>Throws the fault as a <see cref="GuestMemoryException"/> if it is one.</summary>
    /// <exception cref="GuestMemoryException">This is a fault.</exception>
    public void ThrowIfFault()
    {
        if (IsFault)
        {
            throw ToException();
        }
    }

    /// <summary>
    /// Returns the message: <c>guest memory 'ram': read error: failed to access 0x1000-0x1008 at 0x1004: page not mapped (SIGSEGV)</c>.
    /// The address is left out where it is the start of the range.
    /// </summary>
    /// <returns>The message.</returns>
    public override string ToString()
    {
        if (!IsFault)
        {
            return "no fault";
        }

        if (PageNumber is { } number)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"guest memory '{MemoryName}': {GuestMemoryFaultText.Name(Operation)} error: page number 0x{number:x} at index {PageIndex} of the list names no address");
        }

        string range = HasRange
            ? string.Create(CultureInfo.InvariantCulture, $"0x{_start:x}-0x{(UInt128)_start + _length:x}")
            : "memory";
        string at = Address is { } address && !(HasRange && address.Value == _start)
            ? string.Create(CultureInfo.InvariantCulture, $" at 0x{address.Value:x}")
            : "";
        string translated = TargetAddress is { } target ? string.Create(CultureInfo.InvariantCulture, $", translated to 0x{target.Value:x}") : "";
        return $"guest memory '{MemoryName}': {GuestMemoryFaultText.Name(Operation)} error: failed to access {range}{at}{translated}: {Reason}";
    }

    /// <summary>
    /// A range of which no byte from an address on is memory, written in place: where a guest makes millions of them, a copy of all words with what the collector wants
    /// to know of each reference would be most of the cost.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void OutOfRange(
        out GuestMemoryFault fault, string memoryName, GuestMemoryOperation operation, ulong at, ulong start, ulong length)
    {
        fault = default;
        Unsafe.AsRef(in fault._memoryName) = memoryName;
        Unsafe.AsRef(in fault._flags) = GuestMemoryFaultFlags.Faulted | GuestMemoryFaultFlags.HasAddress | GuestMemoryFaultFlags.HasRange;
        Unsafe.AsRef(in fault._kind) = GuestMemoryFaultKind.OutOfRange;
        Unsafe.AsRef(in fault._operation) = operation;
        Unsafe.AsRef(in fault._cause) = FaultCause.Check;
        Unsafe.AsRef(in fault._address) = at;
        Unsafe.AsRef(in fault._start) = start;
        Unsafe.AsRef(in fault._length) = length;
    }

    /// <summary>A number in a list of pages that names no address.</summary>
    internal static GuestMemoryFault OfPageNumber(string memoryName, GuestMemoryOperation operation, ulong pageNumber, int index) =>
        new(memoryName, operation, pageNumber, index);

    /// <summary>The same fault as seen by a caller that asked for something else: the whole of an access that was done in pieces.</summary>
    internal GuestMemoryFault As(GuestMemoryOperation operation, ulong start, ulong length) => PageNumber is { } number
        ? OfPageNumber(MemoryName, operation, number, PageIndex!.Value)
        : new(MemoryName, operation, Kind, Cause, Address?.Value, (start, length), BackingName, Exception, TargetAddress?.Value);

    /// <summary>The same fault without a range, for an operation on a list of pages.</summary>
    internal GuestMemoryFault WithoutRange(GuestMemoryOperation operation) => PageNumber is { } number
        ? OfPageNumber(MemoryName, operation, number, PageIndex!.Value)
        : new(MemoryName, operation, Kind, Cause, Address?.Value, range: null, BackingName, Exception, TargetAddress?.Value);

    /// <summary>
    /// The fault of a memory behind translations, from that of the memory below: a piece of what was asked for, from an address and from what that was translated to.
    /// </summary>
    internal GuestMemoryFault Translated(
        string memoryName, GuestMemoryOperation operation, ulong address, ulong target, (ulong Start, ulong Length) range) => Address is { } at
            ? new(memoryName, operation, Kind, Cause, unchecked(address + (at.Value - target)), range, BackingName, Exception, at.Value)
            : new(memoryName, operation, Kind, Cause, range: range, backingName: BackingName, exception: Exception);
}
