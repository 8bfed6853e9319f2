namespace Hyperspan;

/// <summary>What one paged range and a list of them have in common, for the readers and writers over either.</summary>
/// <typeparam name="TSelf">The type itself.</typeparam>
internal interface IPagedPart<TSelf>
    where TSelf : struct, IPagedPart<TSelf>, allows ref struct
{
    ulong Length { get; }

    bool TrySlice(ulong offset, ulong length, out TSelf part);

    TSelf Skip(ulong length);

    TSelf Truncate(ulong length);

    /// <summary>Gives the address of the next value, where all of it lies in one page that has an address: then it can be one access.</summary>
    bool TryGetScalarAddress<T>(out GuestAddress address)
        where T : unmanaged;

    bool TryRead(GuestMemory memory, scoped Span<byte> destination, out GuestMemoryFault fault);

    bool TryWrite(GuestMemory memory, scoped ReadOnlySpan<byte> source, out GuestMemoryFault fault);

    bool TryFill(GuestMemory memory, byte value, out GuestMemoryFault fault);
}
