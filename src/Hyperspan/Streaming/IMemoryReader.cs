using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Streaming;

/// <summary>Reads something from front to back: a span, a range of guest memory, pages, a list of them.</summary>
/// <remarks>
/// <para>
/// Implemented by structs, mostly <c>ref struct</c>s; write code for any of them as a generic method, so that nothing is boxed:
/// <code>
/// static Request Parse&lt;TReader&gt;(ref TReader reader)
///     where TReader : struct, IMemoryReader, allows ref struct
/// {
///     uint kind = reader.Read&lt;uint&gt;();
///     reader.Skip(4);
///     …
/// }
/// </code>
/// </para>
/// <para>
/// A reader is a value: a copy of it goes its own way from where the original stood. A step either does all that was asked and moves on by as much, or fails and
/// stays where it was, with an unspecified part of the destination overwritten. What was read once may read differently a second time: the guest may have changed it.
/// Not safe for use from several threads at once; memory itself is.
/// </para>
/// <para>More members, the same for every reader, are in <see cref="MemoryReaderExtensions"/>.</para>
/// </remarks>
public interface IMemoryReader
{
    /// <summary>Gets the number of bytes that are left.</summary>
    ulong Remaining { get; }

    /// <summary>Reads bytes. Neither throws nor allocates when they cannot be read.</summary>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    bool TryRead(scoped Span<byte> destination, out StreamingFault fault);

    /// <summary>Reads a value, in the byte order of the host. Neither throws nor allocates when it cannot be read.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="value">The value, or the default where it could not be read.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <remarks>Readers of guest memory read a value of 1, 2, 4 or 8 bytes that lies in one page by a single access.</remarks>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    bool TryRead<T>(out T value, out StreamingFault fault)
        where T : unmanaged;

    /// <summary>Reads several values of one type, in the byte order of the host. Nothing is allocated when there are too few bytes left for them.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="count">The number of values.</param>
    /// <param name="values">The values.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    bool TryReadArray<T>(int count, [NotNullWhen(true)] out T[]? values, out StreamingFault fault)
        where T : unmanaged;

    /// <summary>Leaves out bytes, without accessing them: that they can be read is not checked.</summary>
    /// <param name="length">The number of bytes to leave out.</param>
    /// <param name="fault">Why it failed: there are fewer.</param>
    /// <returns>Whether there were as many.</returns>
    bool TrySkip(ulong length, out StreamingFault fault);

    /// <summary>Reads a value, in the byte order of the host; see <see cref="TryRead{T}(out T, out StreamingFault)"/>.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <returns>The value.</returns>
    /// <exception cref="MemoryStreamingException">It could not be read.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    T Read<T>()
        where T : unmanaged;

    /// <summary>Reads several values of one type, in the byte order of the host; see <see cref="TryReadArray"/>.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="count">The number of values.</param>
    /// <returns>The values.</returns>
    /// <exception cref="MemoryStreamingException">Not all of them could be read.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    T[] ReadArray<T>(int count)
        where T : unmanaged;
}
