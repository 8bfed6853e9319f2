using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>Views: bounds on offsets, as plain values.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Makes a view of a part of this memory without an allocation; see <see cref="Slice(GuestAddress, ulong, bool)"/> for a part that is a memory of its own.
    /// </summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes. All of it must be memory; it may span regions that touch.</param>
    /// <returns>The view. It keeps this memory alive and is open as long as this is.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GuestMemoryView View(GuestAddress start, ulong length)
    {
        if (!Contains(start, length))
        {
            ThrowUnlessView(start, length);
        }

        return new GuestMemoryView(this, start.Value, length);
    }

    /// <summary>Makes a view of a part of this memory and says why where it cannot; see <see cref="View(GuestAddress, ulong)"/>. Neither throws nor allocates.</summary>
    /// <param name="start">The first address; any alignment.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="view">The view; empty where there is none.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether the range is all memory.</returns>
    public bool TryView(GuestAddress start, ulong length, out GuestMemoryView view, out GuestMemoryFault fault)
    {
        if (!CheckRange(start.Value, length, GuestMemoryOperation.Slice, out fault))
        {
            view = default;
            return false;
        }

        view = new GuestMemoryView(this, start.Value, length);
        return true;
    }

    /// <summary>Makes a view of a range; see <see cref="View(GuestAddress, ulong)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <returns>The view.</returns>
    /// <exception cref="GuestMemoryException">The range is not all memory.</exception>
    public GuestMemoryView View(GuestRange range) => View(range.Start, range.Length);

    /// <summary>Makes a view of a range; see <see cref="TryView(GuestAddress, ulong, out GuestMemoryView, out GuestMemoryFault)"/>.</summary>
    /// <param name="range">The range.</param>
    /// <param name="view">The view; empty where there is none.</param>
    /// <param name="fault">Why there is none.</param>
    /// <returns>Whether the range is all memory.</returns>
    public bool TryView(GuestRange range, out GuestMemoryView view, out GuestMemoryFault fault) => TryView(range.Start, range.Length, out view, out fault);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowUnlessView(GuestAddress start, ulong length)
    {
        if (!CheckRange(start.Value, length, GuestMemoryOperation.Slice, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }
}
