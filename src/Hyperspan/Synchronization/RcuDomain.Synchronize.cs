using Hyperspan.Guarding;

namespace Hyperspan.Synchronization;

public sealed partial class RcuDomain
{
    private const int Spins = 20;
    private const int Yields = 20;
    private const int LongestSleepMilliseconds = 10;

    private long _stallTicks = TimeSpan.TicksPerSecond;

    /// <summary>
    /// A reader has held up a writer for longer than <see cref="StallThreshold"/>. Raised again each time the wait has doubled, once
    /// for each such reader.
    /// </summary>
    /// <remarks>
    /// Raised on the waiting thread (a pool thread for <see cref="SynchronizeAsync"/>). An exception of a handler ends the wait: the
    /// caller gets it instead of the synchronization.
    /// </remarks>
    public event EventHandler<RcuStallEventArgs>? Stalled;

    /// <summary>
    /// How long a writer waits before <see cref="Stalled"/> is raised; 1 s unless set. A wait under way keeps the value it
    /// began with. <see cref="Timeout.InfiniteTimeSpan"/> never raises it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Zero or negative, and not infinite.</exception>
    public TimeSpan StallThreshold
    {
        get => TimeSpan.FromTicks(Volatile.Read(ref _stallTicks));
        set
        {
            if (value != Timeout.InfiniteTimeSpan)
            {
                ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
            }

            Volatile.Write(ref _stallTicks, value.Ticks);
        }
    }

    /// <summary>
    /// Waits until every section of this domain that is running now has ended. Microseconds when there is none to wait for,
    /// however many threads are registered. In <see cref="GuestMemory"/>, accesses made by restartable sequences instead of in a section are covered too.
    /// </summary>
    /// <param name="cancellationToken">Gives up waiting; noticed within about 10 ms.</param>
    /// <exception cref="InvalidOperationException">The calling thread is in a section of this domain and would wait for itself.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; then nothing is promised about the sections.</exception>
    public void Synchronize(CancellationToken cancellationToken = default)
    {
        ThrowIfInSection();
        cancellationToken.ThrowIfCancellationRequested();

        RcuGracePeriod period = Begin();
        if (SpinUntilOver(ref period))
        {
            return;
        }

        for (int round = 0; !period.Poll(); round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (round < Yields)
            {
                Thread.Yield();
                continue;
            }

            Thread.Sleep(SleepMilliseconds(round - Yields));
            period.CheckReaders();
        }
    }

    /// <summary>As <see cref="Synchronize"/>, without holding a thread while it waits: it looks again every few milliseconds.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>A task that completes when the sections have ended; completed already when there is none to wait for.</returns>
    /// <exception cref="InvalidOperationException">
    /// The calling thread is in a section of this domain. Thrown by the call itself, not through the task.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled (through the task); then nothing is promised about the sections.</exception>
    public Task SynchronizeAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfInSection();
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }

        RcuGracePeriod period = Begin();
        return SpinUntilOver(ref period) ? Task.CompletedTask : WaitAsync(period, cancellationToken);
    }

    internal void OnStalled(RcuStallEventArgs stall) => Stalled?.Invoke(this, stall);

    private static async Task WaitAsync(RcuGracePeriod period, CancellationToken cancellationToken)
    {
        for (int round = 0; !period.Poll(); round++)
        {
            await Task.Delay(SleepMilliseconds(round), cancellationToken).ConfigureAwait(false);
            period.CheckReaders();
        }
    }

    /// <summary>Sections last nanoseconds to microseconds, so most waits end here.</summary>
    private static bool SpinUntilOver(ref RcuGracePeriod period)
    {
        for (int spin = 0; spin < Spins; spin++)
        {
            if (period.Poll())
            {
                return true;
            }

            Thread.SpinWait(spin);
        }

        return period.Poll();
    }

    private static int SleepMilliseconds(int round) => Math.Min(1 + (round / 16), LongestSleepMilliseconds);

    private RcuGracePeriod Begin()
    {
        // Values under access bitmaps are accessed by restartable sequences where the machine has them, everything else in sections.
        if (_index == RcuRegistry.GuestMemoryIndex)
        {
            Guard.FlushRestartableSequences();
        }

        return RcuGracePeriod.Begin(this);
    }

    internal void ThrowIfInSection()
    {
        if (IsInSection)
        {
            throw new InvalidOperationException(
                $"Synchronizing the RCU domain '{Name}' inside one of its sections would wait for that section for ever.");
        }
    }
}
