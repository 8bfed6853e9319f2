using System.Runtime.CompilerServices;

namespace Hyperspan.Synchronization;

/// <summary>
/// A running section of an <see cref="RcuDomain"/>: writers that synchronize wait until it is disposed.
/// </summary>
/// <remarks>
/// A section belongs to the thread that entered it; being a <c>ref struct</c> it cannot be kept over an <c>await</c> or handed to
/// another thread. Keep it short and do not block in it. Leave every section exactly once: disposing the same variable again
/// does nothing, but a copy of it must not be disposed too. Leaving a section when none is running throws; if the surplus
/// leaving ends an outer section instead, nothing can notice.
/// </remarks>
public unsafe ref struct RcuSection
{
    private RcuSlot* _slot;

    internal RcuSection(RcuSlot* slot) => _slot = slot;

    /// <summary>Leaves the section. Takes two tests and a store; no fence.</summary>
    /// <exception cref="InvalidOperationException">The section was left already, through a copy.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Dispose()
    {
        RcuSlot* slot = _slot;
        if (slot != null)
        {
            _slot = null;

            // SAFETY: a slot of this thread (a ref struct does not leave it), and slots are never freed.
            slot->Exit();
        }
    }
}
