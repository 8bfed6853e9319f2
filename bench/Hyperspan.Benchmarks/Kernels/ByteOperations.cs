using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hyperspan.Streaming;

namespace Hyperspan.Benchmarks.Kernels;

public readonly unsafe struct RawReadBytes(nint memory, byte[] buffer) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        // SAFETY: the buffer is pinned for life.
        NativeMemory.Copy((byte*)memory + address, Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(buffer)), (nuint)buffer.Length);
        return buffer[0];
    }
}

/// <summary>The same by a loop of our own: the fastest from some hundred bytes up to where the processor's string operations take over.</summary>
public readonly unsafe struct VectorReadBytes(nint memory, byte[] buffer) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        // SAFETY: the buffer is pinned for life.
        VectorCopy.Copy((byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(buffer)), (byte*)memory + address, (nuint)buffer.Length);
        return buffer[0];
    }
}

/// <summary>See <see cref="VectorReadBytes"/>.</summary>
public readonly unsafe struct VectorWriteBytes(nint memory, byte[] buffer) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        // SAFETY: the buffer is pinned for life.
        VectorCopy.Copy((byte*)memory + address, (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(buffer)), (nuint)buffer.Length);
        return address;
    }
}

public readonly struct ReadBytes<TLayout>(GuestMemory memory, byte[] buffer) : IWalkOperation
    where TLayout : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        memory.Read(address, buffer);
        return buffer[0];
    }
}

public readonly unsafe struct RawWriteBytes(nint memory, byte[] buffer) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        // SAFETY: the buffer is pinned for life.
        NativeMemory.Copy(Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(buffer)), (byte*)memory + address, (nuint)buffer.Length);
        return address;
    }
}

public readonly struct WriteBytes<TLayout>(GuestMemory memory, byte[] buffer) : IWalkOperation
    where TLayout : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        memory.Write(address, buffer);
        return address;
    }
}

public readonly unsafe struct RawFill(nint memory, int length) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        NativeMemory.Fill((byte*)memory + address, (nuint)length, (byte)address);
        return address;
    }
}

public readonly struct Fill(GuestMemory memory, int length) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        memory.Fill(address, (byte)address, (ulong)length);
        return address;
    }
}

/// <summary>Sixteen pages that do not lie side by side, gathered into one buffer.</summary>
public readonly struct ScatteredRead(GuestMemory memory, byte[] buffer) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        ulong page = address & ~((ulong)GuestAddress.PageSize - 1);
        for (int at = 0; at < buffer.Length; at += (int)GuestAddress.PageSize)
        {
            memory.Read(page, buffer.AsSpan(at, (int)GuestAddress.PageSize));
            page = (page + (5 * (ulong)GuestAddress.PageSize)) & Window.Mask;
        }

        return buffer[0];
    }
}

/// <summary>The same pages as a list, which is made anew each time.</summary>
public readonly struct PagedRead(GuestMemory memory, byte[] buffer, ulong[] pages) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        ulong page = address & ~((ulong)GuestAddress.PageSize - 1);
        for (int i = 0; i < pages.Length; i++)
        {
            pages[i] = page >> GuestAddress.PageShift;
            page = (page + (5 * (ulong)GuestAddress.PageSize)) & Window.Mask;
        }

        memory.Read(new PagedRange(pages, 0, (ulong)buffer.Length), buffer);
        return buffer[0];
    }
}

public readonly unsafe struct RawScatteredRead(nint memory, byte[] buffer) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        // SAFETY: the buffer is pinned for life.
        byte* to = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(buffer));
        ulong page = address & ~((ulong)GuestAddress.PageSize - 1);
        for (int at = 0; at < buffer.Length; at += (int)GuestAddress.PageSize)
        {
            NativeMemory.Copy((byte*)memory + page, to + at, (nuint)GuestAddress.PageSize);
            page = (page + (5 * (ulong)GuestAddress.PageSize)) & Window.Mask;
        }

        return buffer[0];
    }
}

public readonly unsafe struct VectorScatteredRead(nint memory, byte[] buffer) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        // SAFETY: the buffer is pinned for life.
        byte* to = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(buffer));
        ulong page = address & ~((ulong)GuestAddress.PageSize - 1);
        for (int at = 0; at < buffer.Length; at += (int)GuestAddress.PageSize)
        {
            VectorCopy.Copy(to + at, (byte*)memory + page, (nuint)GuestAddress.PageSize);
            page = (page + (5 * (ulong)GuestAddress.PageSize)) & Window.Mask;
        }

        return buffer[0];
    }
}

/// <summary>A packet of 1,514 bytes into three buffers: a header of 14, then halves.</summary>
public readonly struct ScatteredPacket(GuestMemory memory, byte[] packet) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        ReadOnlySpan<byte> bytes = packet;
        memory.Write(address, bytes[..14]);
        memory.Write(address + 4096, bytes[14..764]);
        memory.Write(address + 16384, bytes[764..]);
        return address;
    }
}

/// <summary>See <see cref="ScatteredPacket"/>.</summary>
public readonly unsafe struct RawScatteredPacket(nint memory, byte[] packet) : IWalkOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Access(ulong address)
    {
        // SAFETY: the packet is pinned for life.
        byte* bytes = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(packet));
        byte* to = (byte*)memory + address;
        NativeMemory.Copy(bytes, to, 14);
        NativeMemory.Copy(bytes + 14, to + 4096, 750);
        NativeMemory.Copy(bytes + 764, to + 16384, 750);
        return address;
    }
}
