using System.Diagnostics.CodeAnalysis;

namespace Hyperspan;

/// <summary>Throws on behalf of the types of this folder, so that their own methods stay small enough to be inlined.</summary>
internal static class AddressingThrow
{
    [DoesNotReturn]
    public static void NotAPowerOfTwo(ulong alignment) =>
        throw new ArgumentException($"The alignment must be a power of two, not {alignment}.", nameof(alignment));

    [DoesNotReturn]
    public static void InvalidPageNumber(ulong gpn) =>
        throw new ArgumentOutOfRangeException(
            nameof(gpn), $"Invalid guest page number 0x{gpn:x}: the highest is 0x{GuestAddress.MaxValue.PageNumber:x}.");

    [DoesNotReturn]
    public static void RangeOverflow(GuestAddress start, ulong length) =>
        throw new ArgumentException(
            $"The range overflows the address space: start {start}, length {length} (0x{length:x}).", nameof(length));

    [DoesNotReturn]
    public static void ReversedBounds(GuestAddress start, GuestAddress endExclusive) =>
        throw new ArgumentException(
            $"The range ends before it starts: start {start}, end {endExclusive}.", nameof(endExclusive));

    [DoesNotReturn]
    public static void NotAnAddress(ReadOnlySpan<char> text) =>
        throw new FormatException(
            $"'{text}' is not a guest address: expected 0x and 1 to 16 hexadecimal digits, or a decimal number below 2^64.");

    [DoesNotReturn]
    public static void NotARange(ReadOnlySpan<char> text) =>
        throw new FormatException(
            $"'{text}' is not a guest range: expected two addresses and a dash, as in 0x1000-0x2000, " +
            "the end exclusive and not below the start.");

    [DoesNotReturn]
    public static void NotAProtection(ReadOnlySpan<char> text) =>
        throw new FormatException($"'{text}' is not a protection: expected three characters from --- to rwx.");

    [DoesNotReturn]
    public static void UnknownFormat(ReadOnlySpan<char> format, string known) =>
        throw new FormatException($"The format '{format}' is not known here; there is {known}.");
}
