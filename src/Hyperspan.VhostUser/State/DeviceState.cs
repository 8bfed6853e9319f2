using System.Buffers.Binary;
using System.Numerics;

using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>
/// What a stopped device hands to the one that goes on for it: which device it is, what its driver acknowledged, and its configuration. Nothing is in flight then, and where the
/// rings go on is known to the front end. docs/vhost-user.md has the format.
/// </summary>
internal static class DeviceState
{
    private const ulong Magic = 0x3154_4154_5344_5348; // "HSDSTAT1"
    private const int TypeOffset = 8;
    private const int LengthOffset = 12;
    private const int FeaturesOffset = 16;
    private const int ConfigOffset = 24;
    private const int ChecksumLength = sizeof(uint);

    /// <summary>The length of a device's state in bytes.</summary>
    internal static int LengthOf(IVirtioDevice device) => ConfigOffset + device.ConfigLength + ChecksumLength;

    /// <summary>Takes the state of a device that is stopped.</summary>
    internal static byte[] Save(IVirtioDevice device, ulong features)
    {
        byte[] state = new byte[LengthOf(device)];
        BinaryPrimitives.WriteUInt64LittleEndian(state, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(state.AsSpan(TypeOffset), (uint)device.DeviceType);
        BinaryPrimitives.WriteInt32LittleEndian(state.AsSpan(LengthOffset), device.ConfigLength);
        BinaryPrimitives.WriteUInt64LittleEndian(state.AsSpan(FeaturesOffset), features);
        device.ReadConfig(0, state.AsSpan(ConfigOffset, device.ConfigLength));
        BinaryPrimitives.WriteUInt32LittleEndian(state.AsSpan(state.Length - ChecksumLength), Checksum(state.AsSpan(..^ChecksumLength)));
        return state;
    }

    /// <summary>Gives a device that is stopped the state of another.</summary>
    /// <param name="device">The device.</param>
    /// <param name="state">The state, from whomever.</param>
    /// <param name="offered">The features that the device offers.</param>
    /// <param name="features">Those that its driver has acknowledged; <see langword="null"/> where that is not known so far.</param>
    /// <returns>Why it cannot go on from there, in words: then it is as it was. <see langword="null"/> where it can.</returns>
    internal static string? Load(IVirtioDevice device, ReadOnlySpan<byte> state, ulong offered, ulong? features)
    {
        if (state.Length != LengthOf(device)
            || BinaryPrimitives.ReadUInt64LittleEndian(state) != Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(state[^ChecksumLength..]) != Checksum(state[..^ChecksumLength])
            || BinaryPrimitives.ReadInt32LittleEndian(state[LengthOffset..]) != device.ConfigLength)
        {
            return $"{state.Length} bytes that are not a state of such a device, or are damaged";
        }

        uint type = BinaryPrimitives.ReadUInt32LittleEndian(state[TypeOffset..]);
        if (type != (uint)device.DeviceType)
        {
            return $"it is of a device of type {type}, and not {(uint)device.DeviceType}";
        }

        ulong saved = BinaryPrimitives.ReadUInt64LittleEndian(state[FeaturesOffset..]);
        ulong unknown = saved & ~offered;
        ulong other = saved ^ (features ?? saved);
        return unknown != 0 ? $"its driver has features that are not offered here: 0x{unknown:x}"
            : other != 0 ? $"its driver has other features than those that were set here: 0x{other:x}"
            : LoadConfig(device, state[ConfigOffset..^ChecksumLength]);
    }

    /// <summary>What a driver may write is written again; what else differs makes it another device: a disk of another size.</summary>
    private static string? LoadConfig(IVirtioDevice device, ReadOnlySpan<byte> saved)
    {
        byte[] before = new byte[saved.Length];
        device.ReadConfig(0, before);
        for (int i = 0; i < saved.Length; i++)
        {
            if (saved[i] != before[i] && !device.TryWriteConfig((uint)i, saved.Slice(i, 1)))
            {
                for (int written = 0; written < i; written++)
                {
                    if (saved[written] != before[written])
                    {
                        device.TryWriteConfig((uint)written, before.AsSpan(written, 1));
                    }
                }

                return $"its configuration is another one, from byte {i} on: a disk of another size, for instance";
            }
        }

        return null;
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint checksum = uint.MaxValue;
        foreach (byte value in bytes)
        {
            checksum = BitOperations.Crc32C(checksum, value);
        }

        return ~checksum;
    }
}
