using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Streaming;

/// <summary>Reads the bytes of a paged range of guest memory from front to back.</summary>
/// <remarks>That the pages are memory at all is found out by the reads. The default value has no bytes.</remarks>
public ref struct PagedReader : IMemoryReader
{
    private readonly GuestMemory? _memory;
    private PagedRange _rest;

    /// <summary>Makes a reader.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="range">What to read of it.</param>
    public PagedReader(GuestMemory memory, PagedRange range)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
        _rest = range;
    }

    private readonly GuestMemory Memory => _memory ?? GuestMemory.Empty;

    /// <inheritdoc/>
    public readonly ulong Remaining => _rest.Length;

    /// <summary>Gets what is left.</summary>
    public readonly PagedRange Rest => _rest;

    /// <inheritdoc/>
    public bool TryRead(scoped Span<byte> destination, out StreamingFault fault) => PagedSteps.TryRead(Memory, ref _rest, destination, out fault);

    /// <inheritdoc/>
    public bool TryRead<T>(out T value, out StreamingFault fault)
        where T : unmanaged => PagedSteps.TryRead(Memory, ref _rest, out value, out fault);

    /// <inheritdoc/>
    public bool TrySkip(ulong length, out StreamingFault fault) => PagedSteps.TrySkip(ref _rest, length, out fault);

    /// <inheritdoc/>
    public bool TryReadArray<T>(int count, [NotNullWhen(true)] out T[]? values, out StreamingFault fault)
        where T : unmanaged => StreamingSteps.TryReadArray(ref this, count, out values, out fault);

    /// <inheritdoc/>
    public T Read<T>()
        where T : unmanaged => StreamingSteps.Read<PagedReader, T>(ref this);

    /// <inheritdoc/>
    public T[] ReadArray<T>(int count)
        where T : unmanaged => StreamingSteps.ReadArray<PagedReader, T>(ref this, count);
}
