using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>A growing list of <see cref="IoVector"/> in memory that does not move, so that the kernel can be given it as it is.</summary>
internal sealed unsafe class VectorList : IDisposable
{
    private IoVector* _items;
    private int _capacity;

    internal VectorList(int capacity)
    {
        _capacity = Math.Max(capacity, 1);
        _items = (IoVector*)NativeMemory.Alloc((nuint)_capacity, (nuint)sizeof(IoVector));
    }

    ~VectorList() => Free();

    internal int Count { get; private set; }

    internal int Capacity => _capacity;

    internal IoVector* Items => _items;

    /// <summary>Where the list ends, to go back to; the last piece may have grown since.</summary>
    internal Position Mark => new(Count, Count == 0 ? 0 : _items[Count - 1].Length);

    internal ReadOnlySpan<IoVector> Span => new(_items, Count);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Appends a piece; one that goes on where the last one ends makes that longer.</summary>
    internal void Append(byte* address, nuint length)
    {
        if (Count > 0 && (byte*)_items[Count - 1].Address + _items[Count - 1].Length == address)
        {
            _items[Count - 1] = new IoVector(_items[Count - 1].Address, _items[Count - 1].Length + length);
            return;
        }

        if (Count == _capacity)
        {
            int capacity = checked(_capacity * 2);
            _items = (IoVector*)NativeMemory.Realloc(_items, (nuint)capacity * (nuint)sizeof(IoVector));
            _capacity = capacity;
        }

        _items[Count++] = new IoVector(address, length);
    }

    internal void ReturnTo(Position position)
    {
        Count = position.Count;
        if (Count > 0)
        {
            _items[Count - 1] = new IoVector(_items[Count - 1].Address, position.LastLength);
        }
    }

    internal void Clear() => Count = 0;

    private void Free()
    {
        NativeMemory.Free(_items);
        _items = null;
        Count = 0;
    }

    internal readonly record struct Position(int Count, nuint LastLength);
}
