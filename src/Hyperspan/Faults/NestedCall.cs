using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <summary>
/// A call of a method that is not this library's (a handler, a fallback, a translator) and may access memory that calls it again: a guest that has a device write to its own
/// registers, for instance, chooses how deep. It fails before the stack ends, which would end the process.
/// </summary>
internal readonly ref struct NestedCall : IDisposable
{
    // So many are let through where little is left of the stack: a thread may have been made with no more than that.
    private const int MostOnLittleStack = 16;

    [ThreadStatic]
    private static int OnLittleStack;

    private readonly bool _isCounted;

    private NestedCall(bool isCounted) => _isCounted = isCounted;

    /// <summary>Begins a call, which lasts until the result is disposed on this thread.</summary>
    /// <exception cref="InsufficientExecutionStackException">There is not enough of the stack left.</exception>
    internal static NestedCall Begin()
    {
        if (RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            return default;
        }

        if (OnLittleStack >= MostOnLittleStack)
        {
            throw new InsufficientExecutionStackException("Handlers, fallbacks or translators have called each other by accesses until the stack was nearly used up.");
        }

        OnLittleStack++;
        return new NestedCall(isCounted: true);
    }

    public void Dispose()
    {
        if (_isCounted)
        {
            OnLittleStack--;
        }
    }
}
