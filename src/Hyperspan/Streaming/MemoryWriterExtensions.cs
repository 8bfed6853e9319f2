namespace Hyperspan.Streaming;

/// <summary>The members of sequential writers that are the same for all.</summary>
public static class MemoryWriterExtensions
{
    /// <summary>Writes bytes.</summary>
    /// <typeparam name="TWriter">The type of the writer.</typeparam>
    /// <param name="writer">The writer.</param>
    /// <param name="source">The bytes.</param>
    /// <exception cref="MemoryStreamingException">Not all of them could be written.</exception>
    public static void Write<TWriter>(this scoped ref TWriter writer, scoped ReadOnlySpan<byte> source)
        where TWriter : struct, IMemoryWriter, allows ref struct
    {
        if (!writer.TryWrite(source, out StreamingFault fault))
        {
            StreamingSteps.Throw(fault);
        }
    }

    /// <summary>Writes a value, in the byte order of the host.</summary>
    /// <typeparam name="TWriter">The type of the writer.</typeparam>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="writer">The writer.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="MemoryStreamingException">It could not be written.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    public static void Write<TWriter, T>(this scoped ref TWriter writer, T value)
        where TWriter : struct, IMemoryWriter, allows ref struct
        where T : unmanaged
    {
        if (!writer.TryWrite(value, out StreamingFault fault))
        {
            StreamingSteps.Throw(fault);
        }
    }

    /// <summary>Writes one byte value several times.</summary>
    /// <typeparam name="TWriter">The type of the writer.</typeparam>
    /// <param name="writer">The writer.</param>
    /// <param name="value">The value.</param>
    /// <param name="length">How many bytes to write; it may exceed 2 GiB.</param>
    /// <exception cref="MemoryStreamingException">Not all of them could be written.</exception>
    public static void Fill<TWriter>(this scoped ref TWriter writer, byte value, ulong length)
        where TWriter : struct, IMemoryWriter, allows ref struct
    {
        if (!writer.TryFill(value, length, out StreamingFault fault))
        {
            StreamingSteps.Throw(fault);
        }
    }

    /// <summary>Writes zeros.</summary>
    /// <typeparam name="TWriter">The type of the writer.</typeparam>
    /// <param name="writer">The writer.</param>
    /// <param name="length">How many bytes to write; it may exceed 2 GiB.</param>
    /// <exception cref="MemoryStreamingException">Not all of them could be written.</exception>
    public static void Clear<TWriter>(this scoped ref TWriter writer, ulong length)
        where TWriter : struct, IMemoryWriter, allows ref struct => writer.Fill(0, length);

    /// <summary>Writes zeros and says why where it cannot.</summary>
    /// <typeparam name="TWriter">The type of the writer.</typeparam>
    /// <param name="writer">The writer.</param>
    /// <param name="length">How many bytes to write; it may exceed 2 GiB.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    public static bool TryClear<TWriter>(this scoped ref TWriter writer, ulong length, out StreamingFault fault)
        where TWriter : struct, IMemoryWriter, allows ref struct => writer.TryFill(0, length, out fault);

    /// <summary>Makes a writer to the next bytes, or to all where there are fewer.</summary>
    /// <typeparam name="TWriter">The type of the writer.</typeparam>
    /// <param name="writer">The writer. It stays where it is: the limited writer works on a copy, <see cref="LimitedWriter{TWriter}.Inner"/>.</param>
    /// <param name="length">The most bytes to write.</param>
    /// <returns>The writer.</returns>
    public static LimitedWriter<TWriter> Limit<TWriter>(this TWriter writer, ulong length)
        where TWriter : struct, IMemoryWriter, allows ref struct => new(writer, length);
}
