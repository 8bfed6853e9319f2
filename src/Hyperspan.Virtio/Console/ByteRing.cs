namespace Hyperspan.Virtio;

/// <summary>Bytes on their way, first in, first out, never more than there is room for. Any thread may put and take.</summary>
internal sealed class ByteRing(int capacity)
{
    private readonly Lock _lock = new();
    private readonly byte[] _bytes = new byte[capacity];
    private int _first;
    private int _count;

    internal int Count => Volatile.Read(ref _count);

    internal int Room => _bytes.Length - Count;

    /// <summary>Puts in as many as there is room for.</summary>
    /// <returns>How many.</returns>
    internal int Put(ReadOnlySpan<byte> source)
    {
        lock (_lock)
        {
            source = source[..Math.Min(source.Length, _bytes.Length - _count)];
            int at = (_first + _count) % _bytes.Length;
            int upper = Math.Min(source.Length, _bytes.Length - at);
            source[..upper].CopyTo(_bytes.AsSpan(at));
            source[upper..].CopyTo(_bytes);
            Volatile.Write(ref _count, _count + source.Length);
            return source.Length;
        }
    }

    /// <summary>Takes as many as there are, and as fit.</summary>
    /// <returns>How many.</returns>
    internal int Take(Span<byte> destination)
    {
        lock (_lock)
        {
            int count = Peek(destination);
            Skip(count);
            return count;
        }
    }

    /// <summary>Copies as many as there are, and as fit, and leaves them where they are.</summary>
    /// <returns>How many.</returns>
    internal int Peek(Span<byte> destination)
    {
        lock (_lock)
        {
            destination = destination[..Math.Min(destination.Length, _count)];
            int upper = Math.Min(destination.Length, _bytes.Length - _first);
            _bytes.AsSpan(_first, upper).CopyTo(destination);
            _bytes.AsSpan(0, destination.Length - upper).CopyTo(destination[upper..]);
            return destination.Length;
        }
    }

    /// <summary>Drops the first of them.</summary>
    /// <param name="count">How many; there are as many.</param>
    internal void Skip(int count)
    {
        lock (_lock)
        {
            _first = (_first + count) % _bytes.Length;
            Volatile.Write(ref _count, _count - count);
        }
    }
}
