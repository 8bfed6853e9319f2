using System.Runtime.InteropServices;

namespace Hyperspan.Devices;

/// <summary>Memory at a place in a device address space.</summary>
internal sealed class MemoryTarget(string name, GuestRange range, GuestMemory memory, ulong memoryAddress, bool writable) : IAddressTarget
{
    public string Name => name;

    public GuestRange Range => range;

    internal bool Writable => writable;

    /// <summary>Reads bytes that all lie in the range. As many as a scalar has are read by a single access where that is possible.</summary>
    internal bool TryRead(ulong address, Span<byte> data, out GuestMemoryFault fault)
    {
        GuestAddress at = Translate(address);
        switch (data.Length)
        {
            case 1:
                return Finish(memory.TryRead(at, out byte one, out fault), one, data);
            case 2:
                return Finish(memory.TryRead(at, out ushort two, out fault), two, data);
            case 4:
                return Finish(memory.TryRead(at, out uint four, out fault), four, data);
            case 8:
                return Finish(memory.TryRead(at, out ulong eight, out fault), eight, data);
            default:
                return memory.TryRead(at, data, out fault);
        }

        static bool Finish<T>(bool read, T value, Span<byte> data)
            where T : unmanaged
        {
            if (read)
            {
                MemoryMarshal.Write(data, value);
            }

            return read;
        }
    }

    /// <summary>Writes bytes that all lie in the range. As many as a scalar has are written by a single access where that is possible.</summary>
    internal bool TryWrite(ulong address, ReadOnlySpan<byte> data, out GuestMemoryFault fault)
    {
        GuestAddress at = Translate(address);
        return data.Length switch
        {
            1 => memory.TryWrite(at, data[0], out fault),
            2 => memory.TryWrite(at, MemoryMarshal.Read<ushort>(data), out fault),
            4 => memory.TryWrite(at, MemoryMarshal.Read<uint>(data), out fault),
            8 => memory.TryWrite(at, MemoryMarshal.Read<ulong>(data), out fault),
            _ => memory.TryWrite(at, data, out fault),
        };
    }

    /// <summary>The address in the space of an address in the memory, as a fault names it.</summary>
    internal ulong TranslateBack(GuestAddress address) => address.Value - memoryAddress + range.Start.Value;

    private GuestAddress Translate(ulong address) => address - range.Start.Value + memoryAddress;
}
