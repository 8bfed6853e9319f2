using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Hyperspan;

/// <content>Text that ends before a zero byte.</content>
public sealed partial class GuestMemory
{
    /// <summary>Reads text that ends before a zero byte, or at a length.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="maxLength">How many bytes it has at most.</param>
    /// <param name="encoding">The encoding, one in which a zero byte is nothing but an end; UTF-8 where it is <see langword="null"/>.</param>
    /// <returns>The text, without the zero byte. Only what precedes that has to be memory.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> is negative.</exception>
    /// <exception cref="GuestMemoryException">A byte could not be read before the text had ended.</exception>
    public string ReadString(GuestAddress address, int maxLength, Encoding? encoding = null)
    {
        Require(TryReadString(address, maxLength, encoding, out string? text, out GuestMemoryFault fault), fault);
        return text;
    }

    /// <summary>Reads text that ends before a zero byte, or at a length; see <see cref="ReadString(GuestAddress, int, Encoding?)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="maxLength">How many bytes it has at most.</param>
    /// <param name="text">The text.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> is negative.</exception>
    public bool TryReadString(GuestAddress address, int maxLength, [NotNullWhen(true)] out string? text, out GuestMemoryFault fault) =>
        TryReadString(address, maxLength, encoding: null, out text, out fault);

    /// <summary>Reads text that ends before a zero byte, or at a length; see <see cref="ReadString(GuestAddress, int, Encoding?)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="maxLength">How many bytes it has at most.</param>
    /// <param name="encoding">The encoding; UTF-8 where it is <see langword="null"/>.</param>
    /// <param name="text">The text.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> is negative.</exception>
    public bool TryReadString(
        GuestAddress address, int maxLength, Encoding? encoding, [NotNullWhen(true)] out string? text, out GuestMemoryFault fault)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxLength);
        return MemoryText.TryRead(this, address.Value, maxLength, encoding ?? Encoding.UTF8, out text, out fault);
    }

    /// <summary>Writes text and the zero byte that ends it, as <see cref="ReadString(GuestAddress, int, Encoding?)"/> reads it.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="text">
    /// The text. Where a field has no room or no use for a zero byte, <see cref="Write(GuestAddress, ReadOnlySpan{byte})"/> writes the bytes of the text alone.
    /// </param>
    /// <param name="encoding">The encoding, one in which a zero byte is nothing but an end; UTF-8 where it is <see langword="null"/>.</param>
    /// <exception cref="EncoderFallbackException">The encoding throws for what it cannot encode, and <paramref name="text"/> has such characters.</exception>
    /// <exception cref="GuestMemoryException">Not all of it could be written; bytes below the fault's address may have been.</exception>
    public void WriteString(GuestAddress address, ReadOnlySpan<char> text, Encoding? encoding = null) =>
        Require(TryWriteString(address, text, encoding, out GuestMemoryFault fault), fault);

    /// <summary>Writes text and the zero byte that ends it; see <see cref="WriteString(GuestAddress, ReadOnlySpan{char}, Encoding?)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="text">The text.</param>
    /// <param name="fault">Why it could not all be written.</param>
    /// <returns>Whether all of it was written.</returns>
    public bool TryWriteString(GuestAddress address, ReadOnlySpan<char> text, out GuestMemoryFault fault) =>
        TryWriteString(address, text, encoding: null, out fault);

    /// <summary>Writes text and the zero byte that ends it; see <see cref="WriteString(GuestAddress, ReadOnlySpan{char}, Encoding?)"/>.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="text">The text.</param>
    /// <param name="encoding">The encoding; UTF-8 where it is <see langword="null"/>.</param>
    /// <param name="fault">Why it could not all be written.</param>
    /// <returns>Whether all of it was written.</returns>
    /// <exception cref="EncoderFallbackException">The encoding throws for what it cannot encode, and <paramref name="text"/> has such characters.</exception>
    public bool TryWriteString(GuestAddress address, ReadOnlySpan<char> text, Encoding? encoding, out GuestMemoryFault fault) =>
        MemoryText.TryWrite(this, address.Value, text, encoding ?? Encoding.UTF8, out fault);
}
