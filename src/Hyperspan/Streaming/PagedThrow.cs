using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Hyperspan.Streaming;

/// <summary>Throws on behalf of the paged ranges.</summary>
internal static class PagedThrow
{
    [DoesNotReturn]
    public static void TooFewPages(int count, ulong offset, ulong length) =>
        throw new ArgumentException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{count} pages have 0x{(ulong)count << GuestAddress.PageShift:x} bytes: too few for 0x{length:x} bytes from offset 0x{offset:x} on."),
            nameof(length));

    [DoesNotReturn]
    public static void PastEnd(ulong offset, ulong length, ulong available) =>
        throw new ArgumentOutOfRangeException(
            nameof(length),
            string.Create(CultureInfo.InvariantCulture, $"0x{length:x} bytes from offset 0x{offset:x} on reach past the end of a range of 0x{available:x} bytes."));

    [DoesNotReturn]
    public static void LengthMismatch(ulong buffer, ulong range) =>
        throw new ArgumentException(
            string.Create(CultureInfo.InvariantCulture, $"The buffer has 0x{buffer:x} bytes, the range 0x{range:x}: they must be as long."), nameof(buffer));

    [DoesNotReturn]
    public static void InvalidRun(ulong pageNumber) =>
        throw new InvalidOperationException(
            string.Create(
                CultureInfo.InvariantCulture, $"Invalid guest page number 0x{pageNumber:x}: the highest is 0x{GuestAddress.MaxValue.PageNumber:x}."));
}
