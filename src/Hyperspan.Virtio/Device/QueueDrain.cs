using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Virtio;

/// <summary>The end of a queue's thread: what is in flight is waited for and returned, before the ring is anybody else's and what it uses is released.</summary>
internal static class QueueDrain
{
    private static readonly CancellationToken Stopped = new(canceled: true);

    /// <summary>Drains a queue as <see cref="IOverlappedQueueHandler"/> describes. By the thread of the queue.</summary>
    /// <param name="handler">What serves the queue.</param>
    /// <param name="queue">The queue, broken or not.</param>
    /// <param name="account">Called with what each look has returned.</param>
    /// <param name="failed">Called with what the handler throws. What is in flight is waited for all the same; who fails with nothing in flight is not asked again.</param>
    [SuppressMessage("Design", "CA1031", Justification = "A handler that fails ends its connection or asks its driver for a reset; the process goes on.")]
    internal static void Run(IOverlappedQueueHandler handler, VirtQueue queue, Action<QueueProcessResult> account, Action<Exception> failed)
    {
        bool isCancelled = false;
        while (true)
        {
            try
            {
                if (!isCancelled)
                {
                    isCancelled = true;
                    handler.CancelRequests();
                }

                // Once at least: what was completed since the last look is returned.
                account(handler.Process(queue, Stopped));
                while (handler.InFlight != 0)
                {
                    handler.Wait(kick: null, stopping: null, timeoutMilliseconds: -1);
                    account(handler.Process(queue, Stopped));
                }

                handler.Rest();
                return;
            }
            catch (Exception e)
            {
                failed(e);
                if (handler.InFlight == 0)
                {
                    return;
                }
            }
        }
    }
}
