using System.Diagnostics.CodeAnalysis;
using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>
/// Memory that is pinned for writing: who holds it writes at any time, and says nothing. It counts as written when a dirty log is collected, and when it is unpinned.
/// </summary>
/// <remarks>
/// All of them are listed, also while nothing is tracked: a log that is started later has to know. The lists are several, so that threads that pin do not meet.
/// They hold no pin alive that was forgotten: what is listed is not what has the finalizer.
/// </remarks>
internal abstract class WriteHold
{
    private static readonly Stripe[] Stripes = [.. Enumerable.Range(0, 16).Select(static _ => new Stripe())];

    private readonly Stripe _stripe = Stripes[Environment.CurrentManagedThreadId % Stripes.Length];
    private WriteHold? _previous;
    private WriteHold? _next;

    /// <summary>Tells of all that is held now by anybody.</summary>
    internal static void TellAll()
    {
        foreach (Stripe stripe in Stripes)
        {
            using (UninterruptedLock.Enter(stripe.Lock))
            {
                for (WriteHold? hold = stripe.First; hold is not null; hold = hold._next)
                {
                    hold.Tell(isHeld: true);
                }
            }
        }
    }

    /// <summary>Tells those who keep track of writes of all that is held. May be called from any thread.</summary>
    /// <param name="isHeld">Whether it stays so: then only dirty logs are told, as often as one is collected.</param>
    internal abstract void Tell(bool isHeld);

    /// <summary>Tells of what was forgotten, for a finalizer: what an observer throws has nobody to go to, and would end the process.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Nobody is there to catch it.")]
    internal bool TryTell()
    {
        try
        {
            Tell(isHeld: false);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>Puts this into the list.</summary>
    internal void Enter()
    {
        using (UninterruptedLock.Enter(_stripe.Lock))
        {
            _next = _stripe.First;
            _next?._previous = this;
            _stripe.First = this;
        }
    }

    /// <summary>Takes this out of the list. Once, and after it has been told of.</summary>
    internal void Leave()
    {
        using (UninterruptedLock.Enter(_stripe.Lock))
        {
            if (_previous is not null)
            {
                _previous._next = _next;
            }
            else if (_stripe.First == this)
            {
                _stripe.First = _next;
            }

            _next?._previous = _previous;
            (_previous, _next) = (null, null);
        }
    }

    private sealed class Stripe
    {
        internal Lock Lock { get; } = new();

        internal WriteHold? First { get; set; }
    }
}
