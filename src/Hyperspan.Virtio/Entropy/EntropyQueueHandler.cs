using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>Fills the buffers of the driver, at most a page for each request: the driver is told how much it got, and asks again.</summary>
internal sealed unsafe class EntropyQueueHandler : RequestQueueHandler
{
    private readonly byte[] _page = new byte[GuestAddress.PageSize];

    protected override bool TryServe(VirtQueue queue, QueueRequest request, out uint written)
    {
        Span<byte> bytes = _page.AsSpan(0, (int)Math.Min(request.Writable.Length, (ulong)_page.Length));
        Fill(bytes);
        written = Answer(queue, request, bytes);
        return true;
    }

    private static void Fill(Span<byte> bytes)
    {
        fixed (byte* first = bytes)
        {
            for (int done = 0; done < bytes.Length;)
            {
                // SAFETY: what is left of the span.
                nint count = LibC.GetRandom(first + done, (nuint)(bytes.Length - done), 0);
                if (count < 0 && !ErrorNumber.IsInterrupted((int)count))
                {
                    throw new IOException($"getrandom: {ErrorNumber.LastMessage}");
                }

                done += (int)Math.Max(count, 0);
            }
        }
    }
}
