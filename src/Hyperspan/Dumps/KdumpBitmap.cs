using System.Buffers.Binary;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Dumps;

/// <summary>Writes a bitmap of pages to a file, words in ascending order; words that are zero stay holes.</summary>
internal sealed class KdumpBitmap(SafeFileHandle file, ulong offset)
{
    private readonly byte[] _window = new byte[1 << 16];
    private ulong _start;
    private int _length;

    /// <summary>Sets a word: the pages of a chunk.</summary>
    internal void Set(ulong chunk, ulong pages)
    {
        ulong at = chunk * sizeof(ulong);
        if (at - _start >= (ulong)_window.Length)
        {
            Flush();
            _start = at;
        }

        int place = (int)(at - _start);
        BinaryPrimitives.WriteUInt64LittleEndian(_window.AsSpan(place), pages);
        _length = place + sizeof(ulong);
    }

    /// <summary>Writes what has been set.</summary>
    internal void Flush()
    {
        if (_window.AsSpan(0, _length).ContainsAnyExcept((byte)0))
        {
            RandomAccess.Write(file, _window.AsSpan(0, _length), (long)(offset + _start));
            Array.Clear(_window);
        }

        _length = 0;
    }
}
