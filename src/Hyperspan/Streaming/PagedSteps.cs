using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <summary>
/// The steps of readers and writers over pages, for one range and for a list of ranges alike. The compiler makes code for each: nothing is boxed or called indirectly.
/// </summary>
internal static class PagedSteps
{
    internal static bool TryRead<TPart>(GuestMemory memory, scoped ref TPart rest, scoped Span<byte> destination, out StreamingFault fault)
        where TPart : struct, IPagedPart<TPart>, allows ref struct
    {
        ulong length = (ulong)destination.Length;
        if (!rest.TrySlice(0, length, out TPart part))
        {
            fault = StreamingFault.OutOfRange(length, rest.Length);
            return false;
        }

        if (!part.TryRead(memory, destination, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, length, rest.Length);
            return false;
        }

        rest = rest.Skip(length);
        fault = default;
        return true;
    }

    internal static bool TryRead<TPart, T>(GuestMemory memory, scoped ref TPart rest, out T value, out StreamingFault fault)
        where TPart : struct, IPagedPart<TPart>, allows ref struct
        where T : unmanaged
    {
        if (!rest.TryGetScalarAddress<T>(out GuestAddress address))
        {
            // A value of which only a part could be read is not handed out.
            T buffer = default;
            bool complete = TryRead(memory, ref rest, StreamingSteps.Bytes(ref buffer), out fault);
            value = complete ? buffer : default;
            return complete;
        }

        if (!memory.TryRead(address, out value, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault.WithoutRange(GuestMemoryOperation.Read), (ulong)Unsafe.SizeOf<T>(), rest.Length);
            return false;
        }

        rest = rest.Skip((ulong)Unsafe.SizeOf<T>());
        fault = default;
        return true;
    }

    internal static bool TrySkip<TPart>(scoped ref TPart rest, ulong length, out StreamingFault fault)
        where TPart : struct, IPagedPart<TPart>, allows ref struct
    {
        if (length > rest.Length)
        {
            fault = StreamingFault.OutOfRange(length, rest.Length);
            return false;
        }

        rest = rest.Skip(length);
        fault = default;
        return true;
    }

    internal static bool TryWrite<TPart>(
        GuestMemory memory, scoped ref TPart rest, bool isReadOnly, scoped ReadOnlySpan<byte> source, out StreamingFault fault)
        where TPart : struct, IPagedPart<TPart>, allows ref struct
    {
        ulong length = (ulong)source.Length;
        if (!StreamingSteps.CanWrite(length, rest.Length, isReadOnly, out fault))
        {
            return false;
        }

        if (!rest.Truncate(length).TryWrite(memory, source, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, length, rest.Length);
            return false;
        }

        rest = rest.Skip(length);
        return true;
    }

    internal static bool TryWrite<TPart, T>(GuestMemory memory, scoped ref TPart rest, bool isReadOnly, T value, out StreamingFault fault)
        where TPart : struct, IPagedPart<TPart>, allows ref struct
        where T : unmanaged
    {
        PlainType<T>.Demand();
        if (!rest.TryGetScalarAddress<T>(out GuestAddress address))
        {
            return TryWrite(memory, ref rest, isReadOnly, StreamingSteps.Bytes(ref value), out fault);
        }

        if (!StreamingSteps.CanWrite((ulong)Unsafe.SizeOf<T>(), rest.Length, isReadOnly, out fault))
        {
            return false;
        }

        if (!memory.TryWrite(address, value, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault.WithoutRange(GuestMemoryOperation.Write), (ulong)Unsafe.SizeOf<T>(), rest.Length);
            return false;
        }

        rest = rest.Skip((ulong)Unsafe.SizeOf<T>());
        return true;
    }

    internal static bool TryFill<TPart>(GuestMemory memory, scoped ref TPart rest, bool isReadOnly, byte value, ulong length, out StreamingFault fault)
        where TPart : struct, IPagedPart<TPart>, allows ref struct
    {
        if (!StreamingSteps.CanWrite(length, rest.Length, isReadOnly, out fault))
        {
            return false;
        }

        if (!rest.Truncate(length).TryFill(memory, value, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, length, rest.Length);
            return false;
        }

        rest = rest.Skip(length);
        return true;
    }
}
