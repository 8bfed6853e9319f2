using System.Buffers;

namespace Hyperspan;

/// <content>Access for whoever owns the memory alone, before or without a <see cref="GuestMemory"/> over it.</content>
public sealed unsafe partial class HeapBacking
{
    /// <summary>Hands the whole buffer to a callback, provided that no <see cref="GuestMemory"/> has been made over it that is still there.</summary>
    /// <typeparam name="TState">The type of the argument.</typeparam>
    /// <param name="state">The argument that is passed to the callback.</param>
    /// <param name="action">Receives the buffer, which it cannot keep: the memory outlives the call, not more.</param>
    /// <returns><see langword="false"/>, with the callback not called, where the memory is in use or disposed.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="action"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The memory is longer than a span can be: use the overload for a part.</exception>
    /// <remarks>
    /// A disposal during the callback takes effect after it. Making a <see cref="GuestMemory"/> meanwhile is not prevented; then
    /// the callback sees the changes that are made through it.
    /// </remarks>
    public bool TryAccess<TState>(TState state, SpanAction<byte, TState> action)
        where TState : allows ref struct
    {
        if (Length > int.MaxValue)
        {
            throw new ArgumentOutOfRangeException(nameof(action), $"The memory is longer than a span can be: access a part of it.");
        }

        return TryAccess(0, (int)Length, state, action);
    }

    /// <summary>Hands a part of the buffer to a callback, provided that no <see cref="GuestMemory"/> has been made over it that is still there.</summary>
    /// <typeparam name="TState">The type of the argument.</typeparam>
    /// <param name="offset">The first byte, in bytes from the start; any value within the memory.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="state">The argument that is passed to the callback.</param>
    /// <param name="action">Receives the part, which it cannot keep.</param>
    /// <returns><see langword="false"/>, with the callback not called, where the memory is in use or disposed.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="action"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The part reaches past the end, or <paramref name="length"/> is negative.</exception>
    /// <remarks><inheritdoc cref="TryAccess{TState}(TState, SpanAction{byte, TState})" path="/remarks"/></remarks>
    public bool TryAccess<TState>(ulong offset, int length, TState state, SpanAction<byte, TState> action)
        where TState : allows ref struct
    {
        ArgumentNullException.ThrowIfNull(action);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        PageMath.RequireWithin(offset, (ulong)length, Length);
        if (HasLiveAttachments || !TryBeginUse())
        {
            return false;
        }

        try
        {
            // SAFETY: the part is inside the mapping, which can neither fault nor, while this use lasts, be dropped; the span cannot
            // leave the callback, and EndUse below keeps this object alive until after it.
            action(new Span<byte>(Mapping + offset, length), state);
            return true;
        }
        finally
        {
            // A memory may have been made meanwhile, and a dirty log of it started.
            MarkWritten(offset, (ulong)length);
            EndUse();
        }
    }
}
