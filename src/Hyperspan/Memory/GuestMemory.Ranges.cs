using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <content>The operations on an address and a length, on a range.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Tells whether every byte of a range is memory; see <see cref="Contains(GuestAddress, ulong)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <returns>Whether an access to the range would be in bounds.</returns>
    public bool Contains(GuestRange range) => Contains(range.Start, range.Length);

    /// <summary>Fills a range with one byte value; see <see cref="Fill(GuestAddress, byte, ulong)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">It could not be done for all of the range.</exception>
    public void Fill(GuestRange range, byte value) => Fill(range.Start, value, range.Length);

    /// <summary>Fills a range with one byte value; see <see cref="TryFill(GuestAddress, byte, ulong, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why not, with the lowest address that is at fault.</param>
    /// <returns>Whether it was done for all of the range.</returns>
    public bool TryFill(GuestRange range, byte value, out GuestMemoryFault fault) => TryFill(range.Start, value, range.Length, out fault);

    /// <summary>Fills a range with zeros; see <see cref="Clear(GuestAddress, ulong)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <exception cref="GuestMemoryException">It could not be done for all of the range.</exception>
    public void Clear(GuestRange range) => Clear(range.Start, range.Length);

    /// <summary>Fills a range with zeros; see <see cref="TryClear(GuestAddress, ulong, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="fault">Why not, with the lowest address that is at fault.</param>
    /// <returns>Whether it was done for all of the range.</returns>
    public bool TryClear(GuestRange range, out GuestMemoryFault fault) => TryClear(range.Start, range.Length, out fault);

    /// <summary>Says what may be done with pages of a range; see <see cref="Protect(GuestAddress, ulong, Protection)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="protection">What is permitted.</param>
    /// <exception cref="GuestMemoryException">A part of the range is no memory, its backing has no access bitmaps, or it is not one of whole pages.</exception>
    public void Protect(GuestRange range, Protection protection) => Protect(range.Start, range.Length, protection);

    /// <summary>Says what may be done with pages of a range; see <see cref="TryProtect(GuestAddress, ulong, Protection, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="protection">What is permitted.</param>
    /// <param name="fault">Why nothing has changed, with the lowest address that is at fault.</param>
    /// <returns>Whether it holds now for all of the range.</returns>
    public bool TryProtect(GuestRange range, Protection protection, out GuestMemoryFault fault) => TryProtect(range.Start, range.Length, protection, out fault);

    /// <summary>Copies a range; see <see cref="CopyTo(GuestAddress, GuestMemory, GuestAddress, ulong)"/>.</summary>
    /// <param name="source">The range in this memory.</param>
    /// <param name="destination">The memory to copy to; it may be this one.</param>
    /// <param name="destinationAddress">The guest-physical address of the first byte there.</param>
    /// <exception cref="GuestMemoryException">It could not be done for all of the range.</exception>
    public void CopyTo(GuestRange source, GuestMemory destination, GuestAddress destinationAddress) =>
        CopyTo(source.Start, destination, destinationAddress, source.Length);

    /// <summary>Copies a range; see <see cref="TryCopyTo(GuestAddress, GuestMemory, GuestAddress, ulong, out GuestMemoryFault)"/>.</summary>
    /// <param name="source">The range in this memory.</param>
    /// <param name="destination">The memory to copy to; it may be this one.</param>
    /// <param name="destinationAddress">The guest-physical address of the first byte there.</param>
    /// <param name="fault">Why not, with the lowest address that is at fault.</param>
    /// <returns>Whether it was done for all of the range.</returns>
    public bool TryCopyTo(GuestRange source, GuestMemory destination, GuestAddress destinationAddress, out GuestMemoryFault fault) =>
        TryCopyTo(source.Start, destination, destinationAddress, source.Length, out fault);

    /// <summary>Copies a range to another place in this memory; see <see cref="Copy(GuestAddress, GuestAddress, ulong)"/>.</summary>
    /// <param name="source">The range to copy.</param>
    /// <param name="destination">The guest-physical address of the first byte to write; the ranges may overlap.</param>
    /// <exception cref="GuestMemoryException">It could not be done for all of the range.</exception>
    public void Copy(GuestRange source, GuestAddress destination) => Copy(source.Start, destination, source.Length);

    /// <summary>Copies a range to another place in this memory; see <see cref="TryCopy(GuestAddress, GuestAddress, ulong, out GuestMemoryFault)"/>.</summary>
    /// <param name="source">The range to copy.</param>
    /// <param name="destination">The guest-physical address of the first byte to write; the ranges may overlap.</param>
    /// <param name="fault">Why not, with the lowest address that is at fault.</param>
    /// <returns>Whether it was done for all of the range.</returns>
    public bool TryCopy(GuestRange source, GuestAddress destination, out GuestMemoryFault fault) => TryCopy(source.Start, destination, source.Length, out fault);

    /// <summary>Checks that every page of a range can be accessed; see <see cref="Probe(GuestAddress, ulong, AccessType)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="access">Whether to read or to write.</param>
    /// <exception cref="GuestMemoryException">It could not be done for all of the range.</exception>
    public void Probe(GuestRange range, AccessType access) => Probe(range.Start, range.Length, access);

    /// <summary>Checks that every page of a range can be accessed; see <see cref="TryProbe(GuestAddress, ulong, AccessType, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="access">Whether to read or to write.</param>
    /// <param name="fault">Why not, with the lowest address that is at fault.</param>
    /// <returns>Whether it was done for all of the range.</returns>
    public bool TryProbe(GuestRange range, AccessType access, out GuestMemoryFault fault) => TryProbe(range.Start, range.Length, access, out fault);

    /// <summary>Makes a slice of a range; see <see cref="Slice(GuestAddress, ulong)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <returns>The view.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory, or a backing refused.</exception>
    public GuestMemory Slice(GuestRange range) => Slice(range.Start, range.Length);

    /// <summary>Makes a slice of a range; see <see cref="TrySlice(GuestAddress, ulong, out GuestMemory?, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="slice">The slice.</param>
    /// <param name="fault">Why not, with the lowest address that is at fault.</param>
    /// <returns>Whether it was made.</returns>
    public bool TrySlice(GuestRange range, [NotNullWhen(true)] out GuestMemory? slice, out GuestMemoryFault fault) =>
        TrySlice(range.Start, range.Length, out slice, out fault);

    /// <summary>Makes a slice of a range whose pages can be pinned; see <see cref="PinnableSlice(GuestAddress, ulong)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <returns>The slice.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory, a backing refused, or a part of it cannot be pinned.</exception>
    public GuestMemory PinnableSlice(GuestRange range) => PinnableSlice(range.Start, range.Length);

    /// <summary>
    /// Makes a slice of a range whose pages can be pinned; see <see cref="TryPinnableSlice(GuestAddress, ulong, out GuestMemory?, out GuestMemoryFault)"/>.
    /// </summary>
    /// <inheritdoc cref="TrySlice(GuestRange, out GuestMemory?, out GuestMemoryFault)" path="/param"/>
    /// <returns>Whether it was made.</returns>
    public bool TryPinnableSlice(GuestRange range, [NotNullWhen(true)] out GuestMemory? slice, out GuestMemoryFault fault) =>
        TryPinnableSlice(range.Start, range.Length, out slice, out fault);

    /// <summary>Pins the pages of a range for the kernel or a device; see <see cref="Pin(GuestAddress, ulong, AccessType)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="access">What the pages are pinned for.</param>
    /// <returns>The pin.</returns>
    /// <exception cref="GuestMemoryException">A page cannot be pinned or accessed.</exception>
    public PinnedMemory Pin(GuestRange range, AccessType access) => Pin(range.Start, range.Length, access);

    /// <summary>Pins the pages of a range to read and write them; see <see cref="Pin(GuestAddress, ulong)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <returns>The pin.</returns>
    /// <exception cref="GuestMemoryException">It could not be done for all of the range.</exception>
    public PinnedMemory Pin(GuestRange range) => Pin(range.Start, range.Length);

    /// <summary>Pins the pages of a range to read and write them; see <see cref="TryPin(GuestAddress, ulong, out PinnedMemory?, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="pinned">The pin.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether the pages were pinned.</returns>
    public bool TryPin(GuestRange range, [NotNullWhen(true)] out PinnedMemory? pinned, out GuestMemoryFault fault) =>
        TryPin(range.Start, range.Length, out pinned, out fault);

    /// <summary>
    /// Pins the pages of a range for the kernel or a device; see
    /// <see cref="TryPin(GuestAddress, ulong, AccessType, out PinnedMemory?, out GuestMemoryFault)"/>.
    /// </summary>
    /// <param name="range">The range.</param>
    /// <param name="access">What the pages are pinned for.</param>
    /// <param name="pinned">The pin.</param>
    /// <param name="fault">Why not, with the lowest address that is at fault.</param>
    /// <returns>Whether the pages were pinned.</returns>
    public bool TryPin(GuestRange range, AccessType access, [NotNullWhen(true)] out PinnedMemory? pinned, out GuestMemoryFault fault) =>
        TryPin(range.Start, range.Length, access, out pinned, out fault);

    /// <summary>Looks for bytes in a range; see <see cref="IndexOf(GuestAddress, ulong, ReadOnlySpan{byte})"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="value">The bytes to look for.</param>
    /// <returns>The address of the first occurrence, or <see langword="null"/> where there is none.</returns>
    /// <exception cref="GuestMemoryException">Not all of the range is memory, or a byte could not be read before an occurrence was found.</exception>
    public GuestAddress? IndexOf(GuestRange range, ReadOnlySpan<byte> value) => IndexOf(range.Start, range.Length, value);

    /// <summary>Looks for bytes in a range; see <see cref="TryIndexOf(GuestAddress, ulong, ReadOnlySpan{byte}, out GuestAddress?, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="value">The bytes to look for.</param>
    /// <param name="found">The address of the first occurrence, or <see langword="null"/> where there is none.</param>
    /// <param name="fault">Why not, with the lowest address that is at fault.</param>
    /// <returns>Whether the answer holds.</returns>
    public bool TryIndexOf(GuestRange range, ReadOnlySpan<byte> value, out GuestAddress? found, out GuestMemoryFault fault) =>
        TryIndexOf(range.Start, range.Length, value, out found, out fault);

    /// <summary>Looks for a byte in a range; see <see cref="IndexOf(GuestAddress, ulong, byte)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="value">The byte to look for.</param>
    /// <returns>The address of the first occurrence, or <see langword="null"/> where there is none.</returns>
    /// <exception cref="GuestMemoryException">Not all of the range is memory, or a byte could not be read before an occurrence was found.</exception>
    public GuestAddress? IndexOf(GuestRange range, byte value) => IndexOf(range.Start, range.Length, value);

    /// <summary>Looks for a byte in a range; see <see cref="TryIndexOf(GuestAddress, ulong, byte, out GuestAddress?, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="value">The byte to look for.</param>
    /// <param name="found">The address of the first occurrence, or <see langword="null"/> where there is none.</param>
    /// <param name="fault">Why not all of the range could be looked at.</param>
    /// <returns>Whether the answer holds: an occurrence was found, or all of the range was looked at.</returns>
    public bool TryIndexOf(GuestRange range, byte value, out GuestAddress? found, out GuestMemoryFault fault) =>
        TryIndexOf(range.Start, range.Length, value, out found, out fault);

    /// <summary>Writes a range as lines of addresses, bytes and characters; see <see cref="Dump(GuestAddress, ulong, TextWriter)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="writer">What to write to.</param>
    public void Dump(GuestRange range, TextWriter writer) => Dump(range.Start, range.Length, writer);

    /// <summary>Reads a range from a file; see <see cref="ReadFromAsync(GuestAddress, ulong, SafeFileHandle, long, CancellationToken)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="file">The file.</param>
    /// <param name="fileOffset">Where in the file to start, in bytes.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when all of it has been transferred.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The file ended first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task ReadFromAsync(GuestRange range, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default) =>
        ReadFromAsync(range.Start, range.Length, file, fileOffset, cancellationToken);

    /// <summary>Reads a range from a file; see <see cref="TryReadFromAsync(GuestAddress, ulong, SafeFileHandle, long, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="ReadFromAsync(GuestRange, SafeFileHandle, long, CancellationToken)" path="/param"/>
    /// <returns>How it ended.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task<FileTransfer> TryReadFromAsync(GuestRange range, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default) =>
        TryReadFromAsync(range.Start, range.Length, file, fileOffset, cancellationToken);

    /// <summary>Reads a range from a stream; see <see cref="ReadFromAsync(GuestAddress, ulong, Stream, CancellationToken)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="source">The stream. What it throws reaches the caller.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when all of it has been transferred.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The stream ended first.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task ReadFromAsync(GuestRange range, Stream source, CancellationToken cancellationToken = default) =>
        ReadFromAsync(range.Start, range.Length, source, cancellationToken);

    /// <summary>Reads a range from a stream; see <see cref="TryReadFromAsync(GuestAddress, ulong, Stream, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="ReadFromAsync(GuestRange, Stream, CancellationToken)" path="/param"/>
    /// <returns>How it ended.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task<FileTransfer> TryReadFromAsync(GuestRange range, Stream source, CancellationToken cancellationToken = default) =>
        TryReadFromAsync(range.Start, range.Length, source, cancellationToken);

    /// <summary>Writes a range to a file; see <see cref="WriteToAsync(GuestAddress, ulong, SafeFileHandle, long, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="ReadFromAsync(GuestRange, SafeFileHandle, long, CancellationToken)" path="/param"/>
    /// <returns>A task that ends when all of it has been transferred.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task WriteToAsync(GuestRange range, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default) =>
        WriteToAsync(range.Start, range.Length, file, fileOffset, cancellationToken);

    /// <summary>Writes a range to a file; see <see cref="TryWriteToAsync(GuestAddress, ulong, SafeFileHandle, long, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="ReadFromAsync(GuestRange, SafeFileHandle, long, CancellationToken)" path="/param"/>
    /// <returns>How it ended.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task<FileTransfer> TryWriteToAsync(GuestRange range, SafeFileHandle file, long fileOffset, CancellationToken cancellationToken = default) =>
        TryWriteToAsync(range.Start, range.Length, file, fileOffset, cancellationToken);

    /// <summary>Writes a range to a stream; see <see cref="WriteToAsync(GuestAddress, ulong, Stream, CancellationToken)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="destination">The stream. What it throws reaches the caller.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when all of it has been transferred.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task WriteToAsync(GuestRange range, Stream destination, CancellationToken cancellationToken = default) =>
        WriteToAsync(range.Start, range.Length, destination, cancellationToken);

    /// <summary>Writes a range to a stream; see <see cref="TryWriteToAsync(GuestAddress, ulong, Stream, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="WriteToAsync(GuestRange, Stream, CancellationToken)" path="/param"/>
    /// <returns>How it ended.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task<FileTransfer> TryWriteToAsync(GuestRange range, Stream destination, CancellationToken cancellationToken = default) =>
        TryWriteToAsync(range.Start, range.Length, destination, cancellationToken);

    /// <summary>Receives a range from a connected socket; see <see cref="ReceiveAsync(GuestAddress, ulong, Socket, CancellationToken)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="socket">The socket.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A task that ends when all of it has been transferred.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The other side closed the connection first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task ReceiveAsync(GuestRange range, Socket socket, CancellationToken cancellationToken = default) =>
        ReceiveAsync(range.Start, range.Length, socket, cancellationToken);

    /// <summary>Receives a range from a connected socket; see <see cref="TryReceiveAsync(GuestAddress, ulong, Socket, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="ReceiveAsync(GuestRange, Socket, CancellationToken)" path="/param"/>
    /// <returns>How it ended.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task<FileTransfer> TryReceiveAsync(GuestRange range, Socket socket, CancellationToken cancellationToken = default) =>
        TryReceiveAsync(range.Start, range.Length, socket, cancellationToken);

    /// <summary>Sends a range over a connected socket; see <see cref="SendAsync(GuestAddress, ulong, Socket, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="ReceiveAsync(GuestRange, Socket, CancellationToken)" path="/param"/>
    /// <returns>A task that ends when all of it has been transferred.</returns>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task SendAsync(GuestRange range, Socket socket, CancellationToken cancellationToken = default) =>
        SendAsync(range.Start, range.Length, socket, cancellationToken);

    /// <summary>Sends a range over a connected socket; see <see cref="TrySendAsync(GuestAddress, ulong, Socket, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="ReceiveAsync(GuestRange, Socket, CancellationToken)" path="/param"/>
    /// <returns>How it ended.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; what was transferred before stays.</exception>
    public Task<FileTransfer> TrySendAsync(GuestRange range, Socket socket, CancellationToken cancellationToken = default) =>
        TrySendAsync(range.Start, range.Length, socket, cancellationToken);
}
