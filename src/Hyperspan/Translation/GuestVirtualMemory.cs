using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using Hyperspan.Streaming;

namespace Hyperspan.Translation;

/// <summary>A guest's memory as a program or the kernel in it sees it.</summary>
/// <remarks>
/// Ranges may cross pages of any size and wherever these are. An access of no bytes succeeds at any address; one that leaves 2^64 is out of range. Safe for use
/// from several threads.
/// </remarks>
[DebuggerDisplay("{Tables}, {_access}")]
public sealed partial class GuestVirtualMemory
{
    private const int StringPiece = 256;

    private readonly VirtualAccess _access;

    /// <summary>Initializes a new instance of the <see cref="GuestVirtualMemory"/> class.</summary>
    /// <param name="tables">The tables.</param>
    /// <param name="access">
    /// What each page read is to permit: <see cref="VirtualAccess.Read"/> as the kernel, with <see cref="VirtualAccess.User"/> as a program, <see cref="VirtualAccess.None"/>, the
    /// default, for whoever looks from outside. What is written is to permit writing in the same way: from outside, nothing.
    /// </param>
    public GuestVirtualMemory(GuestPageTables tables, VirtualAccess access = VirtualAccess.None)
    {
        ArgumentNullException.ThrowIfNull(tables);
        Tables = tables;
        _access = access;
    }

    /// <summary>Gets the tables.</summary>
    public GuestPageTables Tables { get; }

    /// <summary>Reads bytes.</summary>
    /// <param name="virtualAddress">The guest-virtual address of the first.</param>
    /// <param name="destination">Receives them.</param>
    /// <exception cref="GuestTranslationException">Some could not be read; those before them have been.</exception>
    public void Read(ulong virtualAddress, Span<byte> destination)
    {
        if (!TryRead(virtualAddress, destination, out TranslationFault fault))
        {
            throw new GuestTranslationException(fault);
        }
    }

    /// <summary>Reads a value.</summary>
    /// <typeparam name="T">Its type, as <see cref="GuestMemory"/> takes it.</typeparam>
    /// <param name="virtualAddress">The guest-virtual address.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestTranslationException">It could not be read.</exception>
    public T Read<T>(ulong virtualAddress)
        where T : unmanaged => TryRead(virtualAddress, out T value, out TranslationFault fault) ? value : throw new GuestTranslationException(fault);

    /// <summary>Reads bytes. Neither throws nor allocates.</summary>
    /// <param name="virtualAddress">The guest-virtual address of the first.</param>
    /// <param name="destination">Receives them.</param>
    /// <param name="fault">Why not all could be read, with the lowest address that could not.</param>
    /// <returns>Whether all were read.</returns>
    public bool TryRead(ulong virtualAddress, Span<byte> destination, out TranslationFault fault) =>
        ReadAvailable(virtualAddress, destination, out fault) == destination.Length;

    /// <summary>Reads a value. Within a page that is one access, as <see cref="GuestMemory"/> does it.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="virtualAddress">The guest-virtual address.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    public bool TryRead<T>(ulong virtualAddress, out T value, out TranslationFault fault)
        where T : unmanaged
    {
        // Looked at first: whether a type is refused is not for the address to say.
        T copy = default;
        Span<byte> bytes = StreamingSteps.Bytes(ref copy);
        value = default;
        if (!Tables.TryTranslate(virtualAddress, _access, out GuestTranslation translation, out fault))
        {
            return false;
        }

        if (Remainder(virtualAddress, translation) >= (ulong)Unsafe.SizeOf<T>())
        {
            if (Tables.Memory.TryRead(translation.Address, out value, out GuestMemoryFault memoryFault))
            {
                return true;
            }

            fault = Fault(virtualAddress, translation, memoryFault);
            return false;
        }

        if (!TryRead(virtualAddress, bytes, out fault))
        {
            return false;
        }

        value = copy;
        return true;
    }

    /// <summary>Reads as many bytes as can be read, up to the first that cannot.</summary>
    /// <param name="virtualAddress">The guest-virtual address of the first.</param>
    /// <param name="destination">Receives them.</param>
    /// <returns>How many were read.</returns>
    public int ReadAvailable(ulong virtualAddress, Span<byte> destination) => ReadAvailable(virtualAddress, destination, out _);

    /// <summary>Reads as many bytes as can be read, up to the first that cannot, and says why that one cannot.</summary>
    /// <param name="virtualAddress">The guest-virtual address of the first.</param>
    /// <param name="destination">Receives them.</param>
    /// <param name="fault">Why not all were read.</param>
    /// <returns>How many were read.</returns>
    public int ReadAvailable(ulong virtualAddress, Span<byte> destination, out TranslationFault fault)
    {
        fault = default;
        for (int done = 0; done < destination.Length;)
        {
            if (!TryPiece(virtualAddress, done, destination.Length, _access, out GuestTranslation translation, out int piece, out fault))
            {
                return done;
            }

            Span<byte> part = destination.Slice(done, piece);
            if (!Tables.Memory.TryRead(translation.Address, part, out GuestMemoryFault memoryFault))
            {
                fault = FaultIn(virtualAddress + (ulong)done, piece, translation, memoryFault, out int good);
                return done + good;
            }

            done += part.Length;
        }

        return destination.Length;
    }

    /// <summary>Reads text up to a zero byte, or to a limit.</summary>
    /// <param name="virtualAddress">The guest-virtual address of the first byte.</param>
    /// <param name="limit">How many bytes are read at most.</param>
    /// <returns>The text, as UTF-8.</returns>
    /// <exception cref="GuestTranslationException">A byte before the zero and the limit could not be read.</exception>
    public string ReadString(ulong virtualAddress, int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(limit);
        var text = new MemoryStream();
        Span<byte> piece = stackalloc byte[StringPiece];
        while (text.Length < limit)
        {
            Span<byte> part = piece[..(int)Math.Min(piece.Length, limit - text.Length)];
            int read = ReadBehind(virtualAddress, (ulong)text.Length, part, out TranslationFault fault);
            int end = part[..read].IndexOf((byte)0);
            if (end < 0 && read < part.Length)
            {
                throw new GuestTranslationException(fault);
            }

            text.Write(part[..(end < 0 ? read : end)]);
            if (end >= 0)
            {
                break;
            }
        }

        return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }

    /// <summary>Finds the first place of some bytes. Pages that cannot be read end the search.</summary>
    /// <param name="virtualAddress">Where to begin.</param>
    /// <param name="length">How many bytes to look at.</param>
    /// <param name="value">What to look for; not empty.</param>
    /// <returns>The guest-virtual address, or <see langword="null"/> where it is not found.</returns>
    public ulong? IndexOf(ulong virtualAddress, ulong length, ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty)
        {
            throw new ArgumentException("There is nothing to look for.", nameof(value));
        }

        byte[] window = new byte[Math.Max(64 << 10, value.Length * 2)];
        for (ulong done = 0; done < length && length - done >= (ulong)value.Length;)
        {
            Span<byte> part = window.AsSpan(0, (int)Math.Min((ulong)window.Length, length - done));
            int read = ReadBehind(virtualAddress, done, part, out _);
            int found = part[..read].IndexOf(value);
            if (found >= 0)
            {
                return virtualAddress + done + (ulong)found;
            }

            if (read < part.Length || read < value.Length)
            {
                return null;
            }

            // The beginning of it may be at the end of what was looked at.
            done += (ulong)(read - (value.Length - 1));
        }

        return null;
    }

    /// <summary>Reads as <see cref="ReadAvailable(ulong, Span{byte}, out TranslationFault)"/> does what follows a part of a range: nothing where that ends at 2^64.</summary>
    private int ReadBehind(ulong start, ulong done, Span<byte> destination, out TranslationFault fault)
    {
        ulong at = unchecked(start + done);
        if (at >= start)
        {
            return ReadAvailable(at, destination, out fault);
        }

        fault = new TranslationFault(TranslationFaultKind.OutOfRange, at, 0, default, 0, default);
        return 0;
    }

    /// <summary>Translates what comes next of a range, as far as its page goes.</summary>
    private bool TryPiece(ulong start, int done, int length, VirtualAccess access, out GuestTranslation translation, out int piece, out TranslationFault fault)
    {
        ulong at = start + (ulong)done;
        piece = 0;
        if (at < start)
        {
            translation = default;
            fault = new TranslationFault(TranslationFaultKind.OutOfRange, at, 0, default, 0, default);
            return false;
        }

        if (!Tables.TryTranslate(at, access, out translation, out fault))
        {
            return false;
        }

        piece = (int)Math.Min((ulong)(length - done), Remainder(at, translation));
        return true;
    }

    /// <summary>The fault of an access to a piece, at the byte that failed, and how many before it did not.</summary>
    private static TranslationFault FaultIn(ulong start, int length, in GuestTranslation translation, in GuestMemoryFault fault, out int good)
    {
        ulong before = fault.Address is { } failed && failed.Value >= translation.Address.Value ? failed.Value - translation.Address.Value : 0;
        good = (int)Math.Min(before, (ulong)length - 1);
        return Fault(start + (ulong)good, translation, fault);
    }

    private static ulong Remainder(ulong virtualAddress, in GuestTranslation translation) =>
        translation.PageSize - (virtualAddress & (translation.PageSize - 1));

    private static TranslationFault Fault(ulong virtualAddress, in GuestTranslation translation, in GuestMemoryFault fault) =>
        new(TranslationFaultKind.Memory, virtualAddress, translation.Level, translation.EntryAddress, translation.Entry, fault);
}
