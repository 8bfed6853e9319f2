using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>Integers in little-endian order, named as in <see cref="BinaryPrimitives"/>.</content>
public sealed partial class GuestMemory
{
    /// <summary>Reads an <see cref="short"/> in little-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public short ReadInt16LittleEndian(GuestAddress address) => InLittleEndian(Read<short>(address));

    /// <summary>Reads an <see cref="short"/> in little-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadInt16LittleEndian(GuestAddress address, out short value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out short raw, out fault);
        value = InLittleEndian(raw);
        return read;
    }

    /// <summary>Writes an <see cref="short"/> in little-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteInt16LittleEndian(GuestAddress address, short value) => Write(address, InLittleEndian(value));

    /// <summary>Writes an <see cref="short"/> in little-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteInt16LittleEndian(GuestAddress address, short value, out GuestMemoryFault fault) =>
        TryWrite(address, InLittleEndian(value), out fault);

    /// <summary>Reads a <see cref="ushort"/> in little-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort ReadUInt16LittleEndian(GuestAddress address) => InLittleEndian(Read<ushort>(address));

    /// <summary>Reads a <see cref="ushort"/> in little-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt16LittleEndian(GuestAddress address, out ushort value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out ushort raw, out fault);
        value = InLittleEndian(raw);
        return read;
    }

    /// <summary>Writes a <see cref="ushort"/> in little-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt16LittleEndian(GuestAddress address, ushort value) => Write(address, InLittleEndian(value));

    /// <summary>Writes a <see cref="ushort"/> in little-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt16LittleEndian(GuestAddress address, ushort value, out GuestMemoryFault fault) =>
        TryWrite(address, InLittleEndian(value), out fault);

    /// <summary>Reads an <see cref="int"/> in little-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ReadInt32LittleEndian(GuestAddress address) => InLittleEndian(Read<int>(address));

    /// <summary>Reads an <see cref="int"/> in little-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadInt32LittleEndian(GuestAddress address, out int value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out int raw, out fault);
        value = InLittleEndian(raw);
        return read;
    }

    /// <summary>Writes an <see cref="int"/> in little-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteInt32LittleEndian(GuestAddress address, int value) => Write(address, InLittleEndian(value));

    /// <summary>Writes an <see cref="int"/> in little-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteInt32LittleEndian(GuestAddress address, int value, out GuestMemoryFault fault) =>
        TryWrite(address, InLittleEndian(value), out fault);

    /// <summary>Reads a <see cref="uint"/> in little-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint ReadUInt32LittleEndian(GuestAddress address) => InLittleEndian(Read<uint>(address));

    /// <summary>Reads a <see cref="uint"/> in little-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt32LittleEndian(GuestAddress address, out uint value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out uint raw, out fault);
        value = InLittleEndian(raw);
        return read;
    }

    /// <summary>Writes a <see cref="uint"/> in little-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt32LittleEndian(GuestAddress address, uint value) => Write(address, InLittleEndian(value));

    /// <summary>Writes a <see cref="uint"/> in little-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt32LittleEndian(GuestAddress address, uint value, out GuestMemoryFault fault) =>
        TryWrite(address, InLittleEndian(value), out fault);

    /// <summary>Reads an <see cref="long"/> in little-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long ReadInt64LittleEndian(GuestAddress address) => InLittleEndian(Read<long>(address));

    /// <summary>Reads an <see cref="long"/> in little-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadInt64LittleEndian(GuestAddress address, out long value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out long raw, out fault);
        value = InLittleEndian(raw);
        return read;
    }

    /// <summary>Writes an <see cref="long"/> in little-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteInt64LittleEndian(GuestAddress address, long value) => Write(address, InLittleEndian(value));

    /// <summary>Writes an <see cref="long"/> in little-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteInt64LittleEndian(GuestAddress address, long value, out GuestMemoryFault fault) =>
        TryWrite(address, InLittleEndian(value), out fault);

    /// <summary>Reads a <see cref="ulong"/> in little-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadUInt64LittleEndian(GuestAddress address) => InLittleEndian(Read<ulong>(address));

    /// <summary>Reads a <see cref="ulong"/> in little-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt64LittleEndian(GuestAddress address, out ulong value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out ulong raw, out fault);
        value = InLittleEndian(raw);
        return read;
    }

    /// <summary>Writes a <see cref="ulong"/> in little-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt64LittleEndian(GuestAddress address, ulong value) => Write(address, InLittleEndian(value));

    /// <summary>Writes a <see cref="ulong"/> in little-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt64LittleEndian(GuestAddress address, ulong value, out GuestMemoryFault fault) =>
        TryWrite(address, InLittleEndian(value), out fault);

    private static short InLittleEndian(short value) => BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);

    private static ushort InLittleEndian(ushort value) => BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);

    private static int InLittleEndian(int value) => BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);

    private static uint InLittleEndian(uint value) => BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);

    private static long InLittleEndian(long value) => BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);

    private static ulong InLittleEndian(ulong value) => BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);
}
