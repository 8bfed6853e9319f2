using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Streaming;

/// <summary>The members of sequential readers that are the same for all.</summary>
public static class MemoryReaderExtensions
{
    /// <summary>The length of the pieces of <see cref="ReadSequence"/> where none is given.</summary>
    public const int DefaultSegmentSize = 1 << 16;

    /// <summary>Reads bytes.</summary>
    /// <typeparam name="TReader">The type of the reader.</typeparam>
    /// <param name="reader">The reader.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <exception cref="MemoryStreamingException">Not all of them could be read.</exception>
    public static void Read<TReader>(this scoped ref TReader reader, scoped Span<byte> destination)
        where TReader : struct, IMemoryReader, allows ref struct
    {
        if (!reader.TryRead(destination, out StreamingFault fault))
        {
            StreamingSteps.Throw(fault);
        }
    }

    /// <summary>Leaves out bytes, without accessing them.</summary>
    /// <typeparam name="TReader">The type of the reader.</typeparam>
    /// <param name="reader">The reader.</param>
    /// <param name="length">The number of bytes to leave out.</param>
    /// <exception cref="MemoryStreamingException">There are fewer.</exception>
    public static void Skip<TReader>(this scoped ref TReader reader, ulong length)
        where TReader : struct, IMemoryReader, allows ref struct
    {
        if (!reader.TrySkip(length, out StreamingFault fault))
        {
            StreamingSteps.Throw(fault);
        }
    }

    /// <summary>Reads all that is left. Where a guest says how much that is, put a limit on it first.</summary>
    /// <typeparam name="TReader">The type of the reader.</typeparam>
    /// <param name="reader">The reader.</param>
    /// <returns>The bytes.</returns>
    /// <exception cref="MemoryStreamingException">Not all of them could be read.</exception>
    public static byte[] ReadAll<TReader>(this scoped ref TReader reader)
        where TReader : struct, IMemoryReader, allows ref struct
    {
        if (!reader.TryReadAll(out byte[]? bytes, out StreamingFault fault))
        {
            StreamingSteps.Throw(fault);
        }

        return bytes;
    }

    /// <summary>Reads all that is left; see <see cref="ReadAll"/>.</summary>
    /// <typeparam name="TReader">The type of the reader.</typeparam>
    /// <param name="reader">The reader.</param>
    /// <param name="bytes">The bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    /// <remarks>
    /// Where more is left than an array can have, the fault is <see cref="StreamingFaultKind.TooLarge"/>. No more is allocated than a small multiple of what could be
    /// read.
    /// </remarks>
    public static bool TryReadAll<TReader>(this scoped ref TReader reader, [NotNullWhen(true)] out byte[]? bytes, out StreamingFault fault)
        where TReader : struct, IMemoryReader, allows ref struct =>
        StreamingSteps.TryReadGrowing(ref reader, reader.Remaining, out bytes, out fault);

    /// <summary>Reads all that is left into a sequence of arrays, for parsers that take one.</summary>
    /// <typeparam name="TReader">The type of the reader.</typeparam>
    /// <param name="reader">The reader.</param>
    /// <param name="segmentSize">The length in bytes of each piece but the last.</param>
    /// <returns>The bytes: a copy.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="segmentSize"/> is not positive.</exception>
    /// <exception cref="MemoryStreamingException">Not all of them could be read; the reader stays where it was.</exception>
    /// <remarks>
    /// A copy, because nothing else is safe in general: parsers of sequences read a byte more than once and trust it not to change, and a sequence over a mapping
    /// can outlive it. Where neither matters and the memory cannot vanish, lock it and build the sequence from the pieces of the lock.
    /// </remarks>
    public static ReadOnlySequence<byte> ReadSequence<TReader>(this scoped ref TReader reader, int segmentSize = DefaultSegmentSize)
        where TReader : struct, IMemoryReader, allows ref struct
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(segmentSize);
        TReader copy = reader;
        CopiedSegment? first = null;
        CopiedSegment? last = null;
        while (copy.Remaining > 0)
        {
            var piece = new byte[Math.Min((ulong)segmentSize, copy.Remaining)];
            copy.Read(piece);
            last = new CopiedSegment(piece, last);
            first ??= last;
        }

        reader = copy;
        return first is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
    }

    /// <summary>Makes a reader of the next bytes, or of all where there are fewer.</summary>
    /// <typeparam name="TReader">The type of the reader.</typeparam>
    /// <param name="reader">The reader. It stays where it is: the limited reader works on a copy, <see cref="LimitedReader{TReader}.Inner"/>.</param>
    /// <param name="length">The most bytes to read.</param>
    /// <returns>The reader.</returns>
    public static LimitedReader<TReader> Limit<TReader>(this TReader reader, ulong length)
        where TReader : struct, IMemoryReader, allows ref struct => new(reader, length);
}
