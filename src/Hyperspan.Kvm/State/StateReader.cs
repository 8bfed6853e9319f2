using System.Buffers.Binary;
using System.Runtime.InteropServices;

using Hyperspan.Snapshots;

namespace Hyperspan.Kvm;

/// <summary>Reads what <see cref="StateWriter"/> wrote. Nothing in it is trusted: what is missing, too long or too short is an exception that names it.</summary>
internal sealed class StateReader
{
    private const int MostBytes = 1 << 20;

    private readonly string _of;
    private readonly Dictionary<StateItem, ReadOnlyMemory<byte>> _items = [];

    /// <summary>Initializes a new instance of the <see cref="StateReader"/> class.</summary>
    /// <param name="of">Whose state it is, for the message.</param>
    /// <param name="bytes">The state.</param>
    /// <exception cref="InvalidStateException">It is damaged.</exception>
    internal StateReader(string of, ReadOnlyMemory<byte> bytes)
    {
        _of = of;
        uint version = Number(ref bytes);
        if (version != StateWriter.Version)
        {
            throw new InvalidStateException($"the state of {of} has version {version}; this is version {StateWriter.Version}");
        }

        while (!bytes.IsEmpty)
        {
            var item = (StateItem)Number(ref bytes);
            uint length = Number(ref bytes);
            if (length > (uint)bytes.Length || !_items.TryAdd(item, bytes[..(int)length]))
            {
                throw Damaged(item);
            }

            bytes = bytes[(int)length..];
        }
    }

    /// <summary>Reads a section of a snapshot that holds a state.</summary>
    internal static byte[] Section(GuestMemorySnapshot snapshot, string name) =>
        snapshot.ReadSection(name, MostBytes)
            ?? throw new InvalidStateException($"there is no machine in the snapshot, or not all of it: it lacks the section '{name}'");

    internal bool Has(StateItem item) => _items.ContainsKey(item);

    internal T Value<T>(StateItem item)
        where T : unmanaged => Values<T>(item) is [var only] ? only : throw Damaged(item);

    internal T[] Values<T>(StateItem item)
        where T : unmanaged
    {
        ReadOnlySpan<byte> content = Bytes(item);
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(content);
        return MemoryMarshal.AsBytes(values).Length == content.Length ? values.ToArray() : throw Damaged(item);
    }

    internal ReadOnlySpan<byte> Bytes(StateItem item) =>
        _items.TryGetValue(item, out ReadOnlyMemory<byte> content) ? content.Span : throw new InvalidStateException($"the state of {_of} lacks its {item}");

    internal ReadOnlySpan<byte> Bytes(StateItem item, int length) => Bytes(item) is var content && content.Length == length ? content : throw Damaged(item);

    internal InvalidStateException Damaged(StateItem item) => new($"the state of {_of} is damaged: {item}");

    private uint Number(ref ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < sizeof(uint))
        {
            throw new InvalidStateException($"the state of {_of} ends early");
        }

        uint value = BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span);
        bytes = bytes[sizeof(uint)..];
        return value;
    }
}
