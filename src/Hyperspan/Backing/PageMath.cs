using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <summary>Pages of 4 KiB, which are those of guests, and the checks of arguments that are to be multiples of them.</summary>
internal static class PageMath
{
    internal const ulong PageSize = 4096;
    internal const int PageShift = 12;

    /// <summary>Gets the size of the pages that this system maps by: 4 KiB, on arm64 also 16 or 64. What is done by its calls is done by these.</summary>
    internal static ulong HostPageSize => (ulong)Environment.SystemPageSize;

    /// <summary>Gets the size of those pages as a power of two.</summary>
    internal static int HostPageShift => BitOperations.Log2((uint)Environment.SystemPageSize);

    /// <summary>The largest alignment of a mapping that can be asked for: 1 GiB, the largest huge page of x86-64.</summary>
    internal const ulong MaximumAlignment = 1UL << 30;

    // Half of the user address space of a four-level x86-64: more never succeeds, and sums of two such lengths do not wrap.
    internal const ulong MaximumLength = 1UL << 46;

    /// <summary>Rounds up; the caller has checked the length against <see cref="MaximumLength"/>.</summary>
    internal static ulong RoundUp(ulong value, ulong alignment) => (value + alignment - 1) & ~(alignment - 1);

    internal static ulong RoundDown(ulong value, ulong alignment) => value & ~(alignment - 1);

    /// <summary>Whether a range that begins at an address or offset lies in one page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsInPage(ulong at, ulong length) => (at & (PageSize - 1)) + length <= PageSize;

    /// <summary>The bytes from an address or offset to the end of its page; all of a page, where it starts one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong RestOfPage(ulong at) => PageSize - (at & (PageSize - 1));

    /// <summary>Checks that a value is a multiple of the page size.</summary>
    /// <exception cref="ArgumentException"><paramref name="value"/> is not a multiple of the page size.</exception>
    internal static void RequirePageAligned(ulong value, string name)
    {
        if (value % PageSize != 0)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{name} 0x{value:x} is not a multiple of the page size 0x1000."), name);
        }
    }

    /// <summary>Checks that a length or offset is one that arithmetic here cannot wrap with.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is more than can ever be mapped.</exception>
    internal static void RequireMappableLength(ulong length, string name)
    {
        if (length > MaximumLength)
        {
            throw new ArgumentOutOfRangeException(
                name, string.Create(CultureInfo.InvariantCulture, $"{name} 0x{length:x} is more than can be mapped (0x{MaximumLength:x})."));
        }
    }

    /// <summary>Checks the alignment of a mapping.</summary>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is no power of two from 4 KiB to 1 GiB.</exception>
    internal static void RequireAlignment(ulong alignment, string name)
    {
        if (!BitOperations.IsPow2(alignment) || alignment is < PageSize or > MaximumAlignment)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"Alignment 0x{alignment:x} is not a power of two from 4 KiB to 1 GiB."), name);
        }
    }

    /// <summary>Checks a range of whole pages against a length, without wrapping.</summary>
    /// <exception cref="ArgumentException">The offset or the length is not a multiple of the page size.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    internal static void RequirePages(ulong offset, ulong length, ulong total)
    {
        RequirePageAligned(offset, nameof(offset));
        RequirePageAligned(length, nameof(length));
        RequireWithin(offset, length, total);
    }

    /// <summary>Checks a range against a length, without wrapping.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the end.</exception>
    internal static void RequireWithin(ulong offset, ulong length, ulong total)
    {
        if (offset > total)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), string.Create(CultureInfo.InvariantCulture, $"offset 0x{offset:x} is past the end at 0x{total:x}."));
        }

        if (length > total - offset)
        {
            throw new ArgumentOutOfRangeException(
                nameof(length), string.Create(CultureInfo.InvariantCulture, $"length 0x{length:x} from offset 0x{offset:x} on is past the end at 0x{total:x}."));
        }
    }
}
