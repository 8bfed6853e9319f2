using Hyperspan.Testing;

namespace Hyperspan.Tool.Demo;

/// <summary>Wakes the device, and waits for it, by the events of a vhost-user queue.</summary>
/// <param name="queue">The queue's events.</param>
/// <param name="ended">Ends when the device has closed the connection.</param>
/// <param name="cancellationToken">Ends waiting.</param>
internal sealed class GuestTransport(VhostUserFrontEndQueue queue, Task ended, CancellationToken cancellationToken) : IVirtQueueTransport
{
    // How soon an end is noticed that no event announces.
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(50);

    public void Kick() => queue.Kick();

    public bool Wait()
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (queue.WaitForCall(Slice))
            {
                return true;
            }

            if (ended.IsCompleted || queue.WaitForError(TimeSpan.Zero))
            {
                return false;
            }
        }
    }
}
