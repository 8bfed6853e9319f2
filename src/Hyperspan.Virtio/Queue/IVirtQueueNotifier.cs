namespace Hyperspan.Virtio;

/// <summary>Tells a driver that there is something in the used ring; usually by an interrupt or an eventfd.</summary>
public interface IVirtQueueNotifier
{
    /// <summary>Notifies the driver. Called on the thread that works the queue, while it works. Must not throw and should not block.</summary>
    void Notify();
}
