using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>Integers in big-endian order, named as in <see cref="BinaryPrimitives"/>.</content>
public sealed partial class GuestMemory
{
    /// <summary>Reads an <see cref="short"/> in big-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public short ReadInt16BigEndian(GuestAddress address) => InBigEndian(Read<short>(address));

    /// <summary>Reads an <see cref="short"/> in big-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadInt16BigEndian(GuestAddress address, out short value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out short raw, out fault);
        value = InBigEndian(raw);
        return read;
    }

    /// <summary>Writes an <see cref="short"/> in big-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteInt16BigEndian(GuestAddress address, short value) => Write(address, InBigEndian(value));

    /// <summary>Writes an <see cref="short"/> in big-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteInt16BigEndian(GuestAddress address, short value, out GuestMemoryFault fault) =>
        TryWrite(address, InBigEndian(value), out fault);

    /// <summary>Reads a <see cref="ushort"/> in big-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort ReadUInt16BigEndian(GuestAddress address) => InBigEndian(Read<ushort>(address));

    /// <summary>Reads a <see cref="ushort"/> in big-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt16BigEndian(GuestAddress address, out ushort value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out ushort raw, out fault);
        value = InBigEndian(raw);
        return read;
    }

    /// <summary>Writes a <see cref="ushort"/> in big-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt16BigEndian(GuestAddress address, ushort value) => Write(address, InBigEndian(value));

    /// <summary>Writes a <see cref="ushort"/> in big-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 2 bytes; atomic where it is a multiple of 2.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt16BigEndian(GuestAddress address, ushort value, out GuestMemoryFault fault) =>
        TryWrite(address, InBigEndian(value), out fault);

    /// <summary>Reads an <see cref="int"/> in big-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ReadInt32BigEndian(GuestAddress address) => InBigEndian(Read<int>(address));

    /// <summary>Reads an <see cref="int"/> in big-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadInt32BigEndian(GuestAddress address, out int value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out int raw, out fault);
        value = InBigEndian(raw);
        return read;
    }

    /// <summary>Writes an <see cref="int"/> in big-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteInt32BigEndian(GuestAddress address, int value) => Write(address, InBigEndian(value));

    /// <summary>Writes an <see cref="int"/> in big-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteInt32BigEndian(GuestAddress address, int value, out GuestMemoryFault fault) =>
        TryWrite(address, InBigEndian(value), out fault);

    /// <summary>Reads a <see cref="uint"/> in big-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint ReadUInt32BigEndian(GuestAddress address) => InBigEndian(Read<uint>(address));

    /// <summary>Reads a <see cref="uint"/> in big-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt32BigEndian(GuestAddress address, out uint value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out uint raw, out fault);
        value = InBigEndian(raw);
        return read;
    }

    /// <summary>Writes a <see cref="uint"/> in big-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt32BigEndian(GuestAddress address, uint value) => Write(address, InBigEndian(value));

    /// <summary>Writes a <see cref="uint"/> in big-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 4 bytes; atomic where it is a multiple of 4.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt32BigEndian(GuestAddress address, uint value, out GuestMemoryFault fault) =>
        TryWrite(address, InBigEndian(value), out fault);

    /// <summary>Reads an <see cref="long"/> in big-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long ReadInt64BigEndian(GuestAddress address) => InBigEndian(Read<long>(address));

    /// <summary>Reads an <see cref="long"/> in big-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadInt64BigEndian(GuestAddress address, out long value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out long raw, out fault);
        value = InBigEndian(raw);
        return read;
    }

    /// <summary>Writes an <see cref="long"/> in big-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteInt64BigEndian(GuestAddress address, long value) => Write(address, InBigEndian(value));

    /// <summary>Writes an <see cref="long"/> in big-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteInt64BigEndian(GuestAddress address, long value, out GuestMemoryFault fault) =>
        TryWrite(address, InBigEndian(value), out fault);

    /// <summary>Reads a <see cref="ulong"/> in big-endian order; see <see cref="Read{T}(GuestAddress)"/>.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadUInt64BigEndian(GuestAddress address) => InBigEndian(Read<ulong>(address));

    /// <summary>Reads a <see cref="ulong"/> in big-endian order. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt64BigEndian(GuestAddress address, out ulong value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out ulong raw, out fault);
        value = InBigEndian(raw);
        return read;
    }

    /// <summary>Writes a <see cref="ulong"/> in big-endian order; see <see cref="Write{T}(GuestAddress, T)"/>.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt64BigEndian(GuestAddress address, ulong value) => Write(address, InBigEndian(value));

    /// <summary>Writes a <see cref="ulong"/> in big-endian order. Neither throws nor allocates when memory cannot be written.</summary>
    /// <param name="address">The guest-physical address of its 8 bytes; atomic where it is a multiple of 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt64BigEndian(GuestAddress address, ulong value, out GuestMemoryFault fault) =>
        TryWrite(address, InBigEndian(value), out fault);

    private static short InBigEndian(short value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    private static ushort InBigEndian(ushort value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    private static int InBigEndian(int value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    private static uint InBigEndian(uint value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    private static long InBigEndian(long value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    private static ulong InBigEndian(ulong value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;
}
