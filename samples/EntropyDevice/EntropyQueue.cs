using System.Security.Cryptography;

using Hyperspan.Virtio;

namespace Hyperspan.Samples;

/// <summary>Fills the buffers of the driver, at most a page for each request: the driver is told how much it got.</summary>
internal sealed class EntropyQueue : IVirtioQueueHandler
{
    private readonly DescriptorChain _chain = new();
    private readonly byte[] _page = new byte[4096];

    public QueueProcessResult Process(VirtQueue queue, CancellationToken stopping)
    {
        uint requests = 0;
        do
        {
            queue.DisableNotifications();
            while (!stopping.IsCancellationRequested && queue.TryTake(_chain))
            {
                Span<byte> bytes = _page.AsSpan(0, (int)Math.Min(_chain.Writable.Length, (ulong)_page.Length));
                RandomNumberGenerator.Fill(bytes);
                bool isWritten = _chain.Writable.CreateWriter().TryWrite(bytes);
                queue.Complete(_chain, isWritten ? (uint)bytes.Length : 0);
                requests++;
            }
        }
        while (queue.EnableNotifications() && !stopping.IsCancellationRequested);

        return new QueueProcessResult(queue.ShouldNotify(), requests, 0, queue.IsBroken ? queue.Error : null, null);
    }

    public void Dispose()
    {
    }
}
