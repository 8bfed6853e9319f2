using System.Globalization;

namespace Hyperspan.Virtio;

/// <summary>Why a virtqueue stopped working. A plain value; making one neither throws nor allocates. The default value means "no error".</summary>
public readonly struct VirtQueueError
{
    private readonly ulong _value;
    private readonly ulong _limit;

    /// <summary>Initializes a new instance of the <see cref="VirtQueueError"/> struct.</summary>
    /// <param name="kind">What is wrong.</param>
    /// <param name="head">The head of the chain it was found in, if any.</param>
    /// <param name="value">The number at fault: an index, a length or an address; used in the text.</param>
    /// <param name="limit">What it was compared with; used in the text.</param>
    /// <param name="fault">The fault of guest memory behind it, if any.</param>
    public VirtQueueError(VirtQueueErrorKind kind, ushort? head, ulong value = 0, ulong limit = 0, GuestMemoryFault fault = default)
    {
        Kind = kind;
        Head = head;
        _value = value;
        _limit = limit;
        Fault = fault;
    }

    /// <summary>Gets what is wrong.</summary>
    public VirtQueueErrorKind Kind { get; }

    /// <summary>Gets the head of the chain that it was found in, or <see langword="null"/> where it belongs to no chain.</summary>
    public ushort? Head { get; }

    /// <summary>Gets the fault of guest memory behind it; not a fault where there was none.</summary>
    public GuestMemoryFault Fault { get; }

    /// <summary>Gets a value indicating whether there is an error at all.</summary>
    public bool IsError => Kind != VirtQueueErrorKind.None;

    /// <summary>Gets the error in words, without the head: <c>next index 17 is past the table of 8</c>.</summary>
    public string Text
    {
        get
        {
            string text = Describe();
            return Fault.IsFault ? $"{text}: {Fault}" : text;
        }
    }

    /// <summary>Returns the error in words: <c>virtqueue error in chain 3: next index 17 is past the table of 8</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => !IsError
        ? "no error"
        : Head is { } head ? string.Create(CultureInfo.InvariantCulture, $"virtqueue error in chain {head}: {Text}") : $"virtqueue error: {Text}";

    private string Describe()
    {
        FormattableString text = Kind switch
        {
            VirtQueueErrorKind.None => $"none",
            VirtQueueErrorKind.InvalidSize => $"queue size {_value} is not valid: at most {VirtQueueLayout.MaxSize}, of a split queue a power of two",
            VirtQueueErrorKind.MisalignedRing => $"ring address 0x{_value:x} is not a multiple of {_limit}",
            VirtQueueErrorKind.RingOutsideMemory => $"{_limit} bytes of a ring at 0x{_value:x} are not all in guest memory",
            VirtQueueErrorKind.RingFault => $"a ring cannot be accessed any more",
            VirtQueueErrorKind.AvailableIndexTooFar => $"available index is {_value} ahead in a queue of {_limit}",
            VirtQueueErrorKind.TooManyInFlight => $"more than {_limit} chains in flight",
            VirtQueueErrorKind.HeadOutOfRange => $"head index {_value} is past the table of {_limit}",
            VirtQueueErrorKind.NextOutOfRange => $"next index {_value} is past the table of {_limit}",
            VirtQueueErrorKind.DescriptorLoop => $"chain of more descriptors than its table of {_limit}: a loop",
            VirtQueueErrorKind.IndirectNotNegotiated => $"indirect descriptor, but the feature was not negotiated",
            VirtQueueErrorKind.NestedIndirect => $"indirect descriptor in an indirect table",
            VirtQueueErrorKind.IndirectWithNext => $"descriptor with both INDIRECT and NEXT",
            VirtQueueErrorKind.InvalidIndirectLength => $"indirect table of {_value} bytes; it must be a multiple of 16 from 16 to {_limit}",
            VirtQueueErrorKind.IndirectOutsideMemory => $"indirect table of {_limit} bytes at 0x{_value:x} is not all in guest memory",
            VirtQueueErrorKind.ReadableAfterWritable => $"device-readable descriptor after a device-writable one",
            VirtQueueErrorKind.ChainTooLong => $"buffers of {_value} bytes in all; at most 2^32 are allowed",
            VirtQueueErrorKind.BufferOutsideMemory => $"buffer of {_limit} bytes at 0x{_value:x} is not all in guest memory",
            VirtQueueErrorKind.BufferFault => $"a buffer cannot be accessed",
            VirtQueueErrorKind.IndirectInList => $"indirect descriptor in a list of descriptors",
            VirtQueueErrorKind.HeadInFlight => $"a chain that is in flight already",
            VirtQueueErrorKind.MissingResponse => $"no device-writable byte for the response",
            _ => $"error {(int)Kind}",
        };
        return text.ToString(CultureInfo.InvariantCulture);
    }
}
