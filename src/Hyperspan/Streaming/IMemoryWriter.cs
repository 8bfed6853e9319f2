namespace Hyperspan.Streaming;

/// <summary>Writes something from front to back: a span, a range of guest memory, pages, a list of them.</summary>
/// <remarks>
/// <para>
/// Implemented by structs, mostly <c>ref struct</c>s; write code for any of them as a generic method with the constraint
/// <c>where TWriter : struct, IMemoryWriter, allows ref struct</c>, so that nothing is boxed.
/// </para>
/// <para>
/// A writer is a value: a copy of it goes its own way from where the original stood. A step either does all that was asked and moves on by as much, or fails and
/// stays where it was; some of the bytes may have been written. One that asks for more than is left writes nothing.
/// Not safe for use from several threads at once; memory itself is.
/// </para>
/// <para>More members, the same for every writer, are in <see cref="MemoryWriterExtensions"/>.</para>
/// </remarks>
public interface IMemoryWriter
{
    /// <summary>Gets the number of bytes that are left to write to.</summary>
    ulong Remaining { get; }

    /// <summary>Gets a value indicating whether every write is refused, one of zero bytes too. Set for buffers that a guest has given to be read only.</summary>
    bool IsReadOnly { get; }

    /// <summary>Writes bytes. Neither throws nor allocates when they cannot be written.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    bool TryWrite(scoped ReadOnlySpan<byte> source, out StreamingFault fault);

    /// <summary>Writes a value, in the byte order of the host. Neither throws nor allocates when it cannot be written.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    /// <remarks>Writers to guest memory write a value of 1, 2, 4 or 8 bytes that lies in one page by a single access.</remarks>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    bool TryWrite<T>(T value, out StreamingFault fault)
        where T : unmanaged;

    /// <summary>Writes one byte value several times. Neither throws nor allocates when it cannot be written.</summary>
    /// <param name="value">The value.</param>
    /// <param name="length">How many bytes to write; it may exceed 2 GiB.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    bool TryFill(byte value, ulong length, out StreamingFault fault);
}
