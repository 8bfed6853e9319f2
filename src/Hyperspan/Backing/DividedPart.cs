using Hyperspan.Interop.Windows;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>A part of <see cref="DividedAddresses"/>.</summary>
/// <param name="Start">The first byte.</param>
/// <param name="End">The byte after the last.</param>
/// <param name="Kind">What it is to the system.</param>
/// <param name="File">The file or section of a view.</param>
/// <param name="FileOffset">Where in it the view begins.</param>
/// <param name="Most">The most that the processor may be let do with pages of a view.</param>
/// <param name="Mapped">What the view was mapped for, which its pages cannot go beyond: with <see cref="PageProtection.NoAccess"/> there is a placeholder in its place.</param>
internal readonly record struct DividedPart(
    ulong Start,
    ulong End,
    DividedPartKind Kind,
    SafeFileHandle? File = null,
    ulong FileOffset = 0,
    PageProtection Most = PageProtection.NoAccess,
    PageProtection Mapped = PageProtection.NoAccess)
{
    /// <summary>Gets a value indicating whether a placeholder is all there is.</summary>
    internal bool IsVacant => Kind != DividedPartKind.Private && Mapped == PageProtection.NoAccess;

    /// <summary>Gets a value indicating whether a view is mapped.</summary>
    internal bool IsMappedView => Kind == DividedPartKind.View && Mapped != PageProtection.NoAccess;

    internal DividedPart Slice(ulong start, ulong end) =>
        this with { Start = start, End = end, FileOffset = Kind == DividedPartKind.View ? FileOffset + (start - Start) : 0 };
}
