using System.Buffers.Binary;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Storms;

/// <summary>A split or packed ring, as far as its driver's side writes it: no look is taken at what is returned.</summary>
internal sealed class HostileQueue(ushort size, ulong start, bool isPacked, ushort at, SafeFileHandle kick)
{
    private const ushort Next = 1;
    private const ushort AvailableFlag = 0x80;
    private const ushort UsedFlag = 0x8000;
    private const ulong Available = 0x6000;

    private ushort _available = at;
    private ushort _place;
    private bool _wraps = true;

    internal delegate void Writer(ulong offset, ReadOnlySpan<byte> bytes);

    /// <summary>Gets how many chains are made available at once: so many have room.</summary>
    internal int Most => Math.Max(1, size / 4);

    /// <summary>Gets the first word of an available ring from which nothing has been taken: its flags and its index.</summary>
    internal uint Fresh { get; } = (uint)at << 16;

    internal SafeFileHandle Kick => kick;

    internal void Signal()
    {
        _ = LibC.Fcntl(kick, FileCommand.SetFlags, (int)OpenFlags.NonBlocking);
        EventCounter.Signal(kick);
    }

    /// <summary>Makes the indirect table of a chain.</summary>
    internal byte[] Table(List<(ulong Address, uint Length, ushort Flags)> chain, Func<ushort?> wrong) => [.. chain.SelectMany((part, i) => isPacked
        ? Descriptor(part.Address, part.Length, 0, part.Flags)
        : Descriptor(part.Address, part.Length, (ushort)(part.Flags | (i < chain.Count - 1 ? Next : 0)), wrong() ?? (ushort)(i + 1)))];

    /// <summary>Makes a chain available.</summary>
    internal void Add(List<(ulong Address, uint Length, ushort Flags)> chain, Writer write, Func<ushort?> wrong)
    {
        if (isPacked)
        {
            AddPacked(chain, write);
            return;
        }

        ushort head = (ushort)(_available * 7 % size);
        for (int i = 0; i < chain.Count; i++)
        {
            ushort flags = (ushort)(chain[i].Flags | (i < chain.Count - 1 ? Next : 0));
            write(start + ((ulong)((head + i) % size) * 16), Descriptor(chain[i].Address, chain[i].Length, flags, wrong() ?? (ushort)((head + i + 1) % size)));
        }

        write(start + Available + 4 + ((ulong)(_available % size) * 2), BitConverter.GetBytes(wrong() ?? head));
        _available++;
        write(start + Available + 2, BitConverter.GetBytes(wrong() ?? _available));
    }

    private void AddPacked(List<(ulong Address, uint Length, ushort Flags)> chain, Writer write)
    {
        ulong first = start + ((ulong)_place * 16);
        byte[] head = [];
        for (int i = 0; i < chain.Count; i++)
        {
            ushort flags = (ushort)(chain[i].Flags | (i < chain.Count - 1 ? Next : 0) | (_wraps ? AvailableFlag : UsedFlag));
            byte[] descriptor = Descriptor(chain[i].Address, chain[i].Length, (ushort)i, flags);
            head = i == 0 ? descriptor : head;
            if (i != 0)
            {
                write(start + ((ulong)_place * 16), descriptor);
            }

            _place++;
            if (_place == size)
            {
                (_place, _wraps) = (0, !_wraps);
            }
        }

        write(first, head);
    }

    /// <summary>A descriptor: in a packed ring the flags come after the id.</summary>
    private static byte[] Descriptor(ulong address, uint length, ushort third, ushort fourth)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(12), third);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(14), fourth);
        return bytes;
    }
}
