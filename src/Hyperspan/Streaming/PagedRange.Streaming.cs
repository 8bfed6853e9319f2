using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>What readers and writers do with it.</content>
public readonly ref partial struct PagedRange : IPagedPart<PagedRange>
{
    bool IPagedPart<PagedRange>.TryGetScalarAddress<T>(out GuestAddress address) => TryGetScalarAddress<T>(out address);

    internal bool TryGetScalarAddress<T>(out GuestAddress address)
        where T : unmanaged
    {
        if ((ulong)Unsafe.SizeOf<T>() <= _length
            && _offset + Unsafe.SizeOf<T>() <= GuestAddress.PageSize
            && GuestAddress.TryFromPageNumber(_pages[0], out GuestAddress page))
        {
            address = new GuestAddress(page.Value + (ulong)_offset);
            return true;
        }

        address = default;
        return false;
    }

    bool IPagedPart<PagedRange>.TryRead(GuestMemory memory, scoped Span<byte> destination, out GuestMemoryFault fault) => memory.TryRead(this, destination, out fault);

    bool IPagedPart<PagedRange>.TryWrite(GuestMemory memory, scoped ReadOnlySpan<byte> source, out GuestMemoryFault fault) => memory.TryWrite(this, source, out fault);

    bool IPagedPart<PagedRange>.TryFill(GuestMemory memory, byte value, out GuestMemoryFault fault) => memory.TryFill(this, value, out fault);
}
