using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>A saved state: a version, then items, each with its kind and length.</summary>
internal sealed class StateWriter
{
    internal const uint Version = 1;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    internal StateWriter() => Number(Version);

    internal byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    internal void Add<T>(StateItem item, T value)
        where T : unmanaged => Add(item, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    internal void Add(StateItem item, ReadOnlySpan<byte> content)
    {
        Number((uint)item);
        Number((uint)content.Length);
        _bytes.Write(content);
    }

    private void Number(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.GetSpan(sizeof(uint)), value);
        _bytes.Advance(sizeof(uint));
    }
}
