using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Synchronization;

/// <summary>
/// The age of sections: each writer begins by making it one larger, and a section keeps the value it found on entering, so that
/// sections older than the writer can be told from later ones. One for all domains; it only ever grows.
/// </summary>
internal static class RcuEpoch
{
    private static Padded Value;

    /// <summary>The value for a section that begins now: never zero.</summary>
    internal static long ForSection
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref Value.Number) + 1;
    }

    /// <summary>Starts a new epoch. A full fence.</summary>
    /// <returns>The largest value that sections entered before can have.</returns>
    internal static long Advance() => Interlocked.Increment(ref Value.Number);

    // Alone on its cache lines: every reader reads it, and only writers of a domain may take it away.
    [StructLayout(LayoutKind.Explicit, Size = 2 * RcuSlot.Size)]
    private struct Padded
    {
        [FieldOffset(RcuSlot.Size)]
        internal long Number;
    }
}
