using System.Security.Cryptography;

using Hyperspan.Virtio;

namespace Hyperspan.Samples;

/// <summary>Fills the buffers of the driver, at most a page for each request: the driver is told how much it got.</summary>
internal sealed class EntropyQueue : RequestQueueHandler
{
    private readonly byte[] _page = new byte[4096];

    protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
    {
        Span<byte> bytes = _page.AsSpan(0, (int)Math.Min(request.Writable.Length, (ulong)_page.Length));
        RandomNumberGenerator.Fill(bytes);
        written = Answer(queue, request, bytes);
        return true;
    }
}
