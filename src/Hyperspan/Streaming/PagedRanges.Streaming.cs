namespace Hyperspan;

/// <content>What readers and writers do with it.</content>
public readonly ref partial struct PagedRanges : IPagedPart<PagedRanges>
{
    // A value across two ranges is bytes.
    bool IPagedPart<PagedRanges>.TryGetScalarAddress<T>(out GuestAddress address)
    {
        Enumerator enumerator = GetEnumerator();
        if (enumerator.MoveNext())
        {
            return enumerator.Current.TryGetScalarAddress<T>(out address);
        }

        address = default;
        return false;
    }

    bool IPagedPart<PagedRanges>.TryRead(GuestMemory memory, scoped Span<byte> destination, out GuestMemoryFault fault) => memory.TryRead(this, destination, out fault);

    bool IPagedPart<PagedRanges>.TryWrite(GuestMemory memory, scoped ReadOnlySpan<byte> source, out GuestMemoryFault fault) => memory.TryWrite(this, source, out fault);

    bool IPagedPart<PagedRanges>.TryFill(GuestMemory memory, byte value, out GuestMemoryFault fault) => memory.TryFill(this, value, out fault);
}
