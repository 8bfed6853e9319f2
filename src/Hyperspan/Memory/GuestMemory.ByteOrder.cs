using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>
/// Bytes, and unsigned integers in a given byte order, named as in <see cref="BinaryPrimitives"/>. They are those of <see cref="Le16"/>, <see cref="Be16"/> and so on.
/// </content>
public sealed partial class GuestMemory
{
    /// <inheritdoc cref="Read{T}(GuestAddress)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte ReadByte(GuestAddress address) => Read<byte>(address);

    /// <inheritdoc cref="TryRead{T}(GuestAddress, out T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadByte(GuestAddress address, out byte value, out GuestMemoryFault fault) => TryRead(address, out value, out fault);

    /// <inheritdoc cref="Write{T}(GuestAddress, T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteByte(GuestAddress address, byte value) => Write(address, value);

    /// <inheritdoc cref="TryWrite{T}(GuestAddress, T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteByte(GuestAddress address, byte value, out GuestMemoryFault fault) => TryWrite(address, value, out fault);

    /// <inheritdoc cref="Read{T}(GuestAddress)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort ReadUInt16LittleEndian(GuestAddress address) => Read<Le16>(address);

    /// <inheritdoc cref="TryRead{T}(GuestAddress, out T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt16LittleEndian(GuestAddress address, out ushort value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out Le16 stored, out fault);
        value = stored;
        return read;
    }

    /// <inheritdoc cref="Write{T}(GuestAddress, T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt16LittleEndian(GuestAddress address, ushort value) => Write<Le16>(address, value);

    /// <inheritdoc cref="TryWrite{T}(GuestAddress, T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt16LittleEndian(GuestAddress address, ushort value, out GuestMemoryFault fault) => TryWrite<Le16>(address, value, out fault);

    /// <inheritdoc cref="Read{T}(GuestAddress)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint ReadUInt32LittleEndian(GuestAddress address) => Read<Le32>(address);

    /// <inheritdoc cref="TryRead{T}(GuestAddress, out T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt32LittleEndian(GuestAddress address, out uint value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out Le32 stored, out fault);
        value = stored;
        return read;
    }

    /// <inheritdoc cref="Write{T}(GuestAddress, T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt32LittleEndian(GuestAddress address, uint value) => Write<Le32>(address, value);

    /// <inheritdoc cref="TryWrite{T}(GuestAddress, T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt32LittleEndian(GuestAddress address, uint value, out GuestMemoryFault fault) => TryWrite<Le32>(address, value, out fault);

    /// <inheritdoc cref="Read{T}(GuestAddress)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadUInt64LittleEndian(GuestAddress address) => Read<Le64>(address);

    /// <inheritdoc cref="TryRead{T}(GuestAddress, out T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt64LittleEndian(GuestAddress address, out ulong value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out Le64 stored, out fault);
        value = stored;
        return read;
    }

    /// <inheritdoc cref="Write{T}(GuestAddress, T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt64LittleEndian(GuestAddress address, ulong value) => Write<Le64>(address, value);

    /// <inheritdoc cref="TryWrite{T}(GuestAddress, T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt64LittleEndian(GuestAddress address, ulong value, out GuestMemoryFault fault) => TryWrite<Le64>(address, value, out fault);

    /// <inheritdoc cref="Read{T}(GuestAddress)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort ReadUInt16BigEndian(GuestAddress address) => Read<Be16>(address);

    /// <inheritdoc cref="TryRead{T}(GuestAddress, out T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt16BigEndian(GuestAddress address, out ushort value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out Be16 stored, out fault);
        value = stored;
        return read;
    }

    /// <inheritdoc cref="Write{T}(GuestAddress, T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt16BigEndian(GuestAddress address, ushort value) => Write<Be16>(address, value);

    /// <inheritdoc cref="TryWrite{T}(GuestAddress, T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt16BigEndian(GuestAddress address, ushort value, out GuestMemoryFault fault) => TryWrite<Be16>(address, value, out fault);

    /// <inheritdoc cref="Read{T}(GuestAddress)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint ReadUInt32BigEndian(GuestAddress address) => Read<Be32>(address);

    /// <inheritdoc cref="TryRead{T}(GuestAddress, out T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt32BigEndian(GuestAddress address, out uint value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out Be32 stored, out fault);
        value = stored;
        return read;
    }

    /// <inheritdoc cref="Write{T}(GuestAddress, T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt32BigEndian(GuestAddress address, uint value) => Write<Be32>(address, value);

    /// <inheritdoc cref="TryWrite{T}(GuestAddress, T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt32BigEndian(GuestAddress address, uint value, out GuestMemoryFault fault) => TryWrite<Be32>(address, value, out fault);

    /// <inheritdoc cref="Read{T}(GuestAddress)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadUInt64BigEndian(GuestAddress address) => Read<Be64>(address);

    /// <inheritdoc cref="TryRead{T}(GuestAddress, out T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadUInt64BigEndian(GuestAddress address, out ulong value, out GuestMemoryFault fault)
    {
        bool read = TryRead(address, out Be64 stored, out fault);
        value = stored;
        return read;
    }

    /// <inheritdoc cref="Write{T}(GuestAddress, T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt64BigEndian(GuestAddress address, ulong value) => Write<Be64>(address, value);

    /// <inheritdoc cref="TryWrite{T}(GuestAddress, T, out GuestMemoryFault)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUInt64BigEndian(GuestAddress address, ulong value, out GuestMemoryFault fault) => TryWrite<Be64>(address, value, out fault);
}
