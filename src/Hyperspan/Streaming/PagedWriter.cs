namespace Hyperspan.Streaming;

/// <summary>Writes to the bytes of a paged range of guest memory from front to back.</summary>
/// <remarks>That the pages are memory at all is found out by the writes. The default value has no bytes.</remarks>
public ref struct PagedWriter : IMemoryWriter
{
    private readonly GuestMemory? _memory;
    private PagedRange _rest;

    /// <summary>Makes a writer.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">Where to write in it.</param>
    public PagedWriter(GuestMemory memory, PagedRange range)
        : this(memory, range, isReadOnly: false)
    {
    }

    /// <summary>Makes a writer.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">Where to write in it.</param>
    /// <param name="isReadOnly">Whether to refuse every write.</param>
    public PagedWriter(GuestMemory memory, PagedRange range, bool isReadOnly)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
        _rest = range;
        IsReadOnly = isReadOnly;
    }

    private readonly GuestMemory Memory => _memory ?? GuestMemory.Empty;

    /// <inheritdoc/>
    public readonly ulong Remaining => _rest.Length;

    /// <inheritdoc/>
    public readonly bool IsReadOnly { get; }

    /// <summary>Gets what is left.</summary>
    public readonly PagedRange Rest => _rest;

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
