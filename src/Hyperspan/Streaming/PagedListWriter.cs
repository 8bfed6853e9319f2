namespace Hyperspan;

/// <summary>Writes to the bytes of a list of paged ranges of guest memory from front to back.</summary>
/// <remarks>That the pages are memory at all is found out by the writes. The default value has no bytes.</remarks>
public ref struct PagedListWriter : IMemoryWriter
{
    private readonly GuestMemory? _memory;
    private PagedRanges _rest;

    /// <summary>Makes a writer.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="ranges">Where to write in it.</param>
    public PagedListWriter(GuestMemory memory, PagedRanges ranges)
        : this(memory, ranges, isReadOnly: false)
    {
    }

    /// <summary>Makes a writer.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="ranges">Where to write in it.</param>
    /// <param name="isReadOnly">Whether to refuse every write.</param>
    public PagedListWriter(GuestMemory memory, PagedRanges ranges, bool isReadOnly)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
        _rest = ranges;
        IsReadOnly = isReadOnly;
    }

    private readonly GuestMemory Memory => _memory ?? GuestMemory.Empty;

    /// <inheritdoc/>
    public readonly ulong Remaining => _rest.Length;

    /// <inheritdoc/>
    public readonly bool IsReadOnly { get; }

    /// <summary>Gets what is left.</summary>
    public readonly PagedRanges Rest => _rest;

    /// <inheritdoc/>
    public bool TryWrite(scoped ReadOnlySpan<byte> source, out StreamingFault fault) =>
        PagedSteps.TryWrite(Memory, ref _rest, IsReadOnly, source, out fault);

    /// <inheritdoc/>
    public bool TryWrite<T>(T value, out StreamingFault fault)
        where T : unmanaged => PagedSteps.TryWrite(Memory, ref _rest, IsReadOnly, value, out fault);

    /// <inheritdoc/>
    public bool TryFill(byte value, ulong length, out StreamingFault fault) =>
        PagedSteps.TryFill(Memory, ref _rest, IsReadOnly, value, length, out fault);
}
