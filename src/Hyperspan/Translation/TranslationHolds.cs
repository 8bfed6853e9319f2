using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Hyperspan.Translation;

/// <summary>
/// Accesses under way that use translations and may block, which a section of an RCU domain must not. Who has taken a translation away waits until those that may have
/// seen it have ended; those that begin later do not hold it up.
/// </summary>
/// <remarks>
/// Two counters, of which new accesses take the one that the epoch names; a waiter changes the epoch and waits for the other to become zero. In stripes, so that
/// processors do not meet.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore has no handle as long as nobody asks for one.")]
internal sealed class TranslationHolds
{
    private const int Stripes = 8;
    private const int Spins = 100;

    // Whom this thread holds, the innermost and those around it: it would wait for itself.
    [ThreadStatic]
    private static TranslationHolds? Innermost;

    [ThreadStatic]
    private static Stack<TranslationHolds>? Around;

    private readonly Counter[] _counters = new Counter[2 * Stripes];

    // One waiter at a time.
    private readonly SemaphoreSlim _waiting = new(1, 1);
    private int _epoch;

    /// <summary>Begins to use translations: what was taken away before is not seen any more.</summary>
    /// <returns>What <see cref="Exit"/> wants.</returns>
    internal Hold Enter()
    {
        if (Innermost is { } outer)
        {
            (Around ??= new Stack<TranslationHolds>()).Push(outer);
        }

        int stripe = Thread.GetCurrentProcessorId() & (Stripes - 1);
        while (true)
        {
            int epoch = Volatile.Read(ref _epoch);
            int index = ((epoch & 1) * Stripes) + stripe;
            Interlocked.Increment(ref _counters[index].Value);
            if (Volatile.Read(ref _epoch) == epoch)
            {
                var hold = new Hold(index, Innermost);
                Innermost = this;
                return hold;
            }

            // A waiter may have found the counter at zero a moment ago.
            Interlocked.Decrement(ref _counters[index].Value);
        }
    }

    /// <summary>Ends the use.</summary>
    internal void Exit(in Hold hold)
    {
        Innermost = hold.Outer;
        if (hold.Outer is not null)
        {
            Around!.Pop();
        }

        Interlocked.Decrement(ref _counters[hold.Index].Value);
    }

    /// <summary>Throws if the calling thread would wait for itself.</summary>
    /// <exception cref="InvalidOperationException">It is in an access through these translations.</exception>
    internal void ThrowIfHeld()
    {
        if (Innermost == this || Around?.Contains(this) == true)
        {
            throw new InvalidOperationException("the calling thread is in an access through the translations that it wants to end");
        }
    }

    /// <summary>Waits until all that had begun before have ended.</summary>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    internal void Wait(CancellationToken cancellationToken)
    {
        _waiting.Wait(cancellationToken);
        try
        {
            // What an earlier waiter that gave up has left is still counted there.
            WaitFor(((_epoch + 1) & 1) * Stripes, cancellationToken);
            int epoch = _epoch;
            Interlocked.Exchange(ref _epoch, epoch + 1);
            WaitFor((epoch & 1) * Stripes, cancellationToken);
        }
        finally
        {
            _waiting.Release();
        }
    }

    private void WaitFor(int first, CancellationToken cancellationToken)
    {
        var wait = default(SpinWait);
        for (int round = 0; ; round++)
        {
            int sum = 0;
            for (int i = 0; i < Stripes; i++)
            {
                // An access ends in the stripe that it began in: none is negative.
                sum |= Volatile.Read(ref _counters[first + i].Value);
            }

            if (sum == 0)
            {
                return;
            }

            cancellationToken.ThrowIfCancellationRequested();
            wait.SpinOnce(Spins);
        }
    }

    /// <summary>An access under way.</summary>
    /// <param name="Index">Where it is counted.</param>
    /// <param name="Outer">What the thread was in before.</param>
    internal readonly record struct Hold(int Index, TranslationHolds? Outer);

    [StructLayout(LayoutKind.Explicit, Size = 64)]
    private struct Counter
    {
        [FieldOffset(0)]
        internal int Value;
    }
}
