using System.Globalization;

namespace Hyperspan.Devices;

/// <summary>A ROM whose bytes are a memory.</summary>
internal sealed class RomMapper(DeviceAddressSpace space, GuestMemory contents, ulong length) : IRomMapper
{
    public ulong Length => length;

    public IDisposable MapRom(GuestAddress address, ulong offset, ulong length)
    {
        if (length == 0 || offset > Length || length > Length - offset)
        {
            throw new ArgumentOutOfRangeException(
                nameof(length),
                string.Create(CultureInfo.InvariantCulture, $"0x{length:x} bytes from offset 0x{offset:x} on are no part of the ROM '{contents.Name}' of 0x{Length:x} bytes."));
        }

        return space.AddMemory(address, contents, new GuestRange(offset, length), writable: false);
    }
}
