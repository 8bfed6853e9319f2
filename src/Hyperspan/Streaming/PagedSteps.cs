using System.Runtime.CompilerServices;

namespace Hyperspan.Streaming;

/// <summary>The steps of readers and writers over pages.</summary>
internal static class PagedSteps
{
    internal static bool TryRead(GuestMemory memory, scoped ref PagedRange rest, scoped Span<byte> destination, out StreamingFault fault)
    {
        ulong length = (ulong)destination.Length;
        if (!rest.TrySlice(0, length, out PagedRange part))
        {
            fault = StreamingFault.OutOfRange(length, rest.Length);
            return false;
        }

        if (!memory.TryRead(part, destination, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, length, rest.Length);
            return false;
        }

        rest = rest.Skip(length);
        fault = default;
        return true;
    }

    internal static bool TryRead<T>(GuestMemory memory, scoped ref PagedRange rest, out T value, out StreamingFault fault)
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

    internal static bool TrySkip(scoped ref PagedRange rest, ulong length, out StreamingFault fault)
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

    internal static bool TryWrite(GuestMemory memory, scoped ref PagedRange rest, bool isReadOnly, scoped ReadOnlySpan<byte> source, out StreamingFault fault)
    {
        ulong length = (ulong)source.Length;
        if (!StreamingSteps.CanWrite(length, rest.Length, isReadOnly, out fault))
        {
            return false;
        }

        if (!memory.TryWrite(rest.Truncate(length), source, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, length, rest.Length);
            return false;
        }

        rest = rest.Skip(length);
        return true;
    }

    internal static bool TryWrite<T>(GuestMemory memory, scoped ref PagedRange rest, bool isReadOnly, T value, out StreamingFault fault)
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

    internal static bool TryFill(GuestMemory memory, scoped ref PagedRange rest, bool isReadOnly, byte value, ulong length, out StreamingFault fault)
    {
        if (!StreamingSteps.CanWrite(length, rest.Length, isReadOnly, out fault))
        {
            return false;
        }

        if (!memory.TryFill(rest.Truncate(length), value, out GuestMemoryFault memoryFault))
        {
            fault = StreamingFault.Memory(memoryFault, length, rest.Length);
            return false;
        }

        rest = rest.Skip(length);
        return true;
    }
}
