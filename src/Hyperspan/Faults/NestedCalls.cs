using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <summary>
/// Calls of methods that are not this library's (handlers, fallbacks, translators) and may access memory that calls them again: a guest that has a device write to its own
/// registers, for instance, chooses how deep. They fail before the stack ends, which would end the process.
/// </summary>
internal static class NestedCalls
{
    // So many are let through where little is left of the stack: a thread may have been made with no more than that.
    private const int MostOnLittleStack = 16;

    [ThreadStatic]
    private static int OnLittleStack;

    /// <summary>Begins a call.</summary>
    /// <returns>What <see cref="End"/> wants.</returns>
    /// <exception cref="InsufficientExecutionStackException">There is not enough of the stack left.</exception>
    internal static bool Begin()
    {
        if (RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            return false;
        }

        if (OnLittleStack >= MostOnLittleStack)
        {
            throw new InsufficientExecutionStackException("Handlers, fallbacks or translators have called each other by accesses until the stack was nearly used up.");
        }

        OnLittleStack++;
        return true;
    }

    /// <summary>Ends a call.</summary>
    internal static void End(bool isCounted)
    {
        if (isCounted)
        {
            OnLittleStack--;
        }
    }
}
