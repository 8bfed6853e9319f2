namespace Hyperspan.Testing;

/// <summary>The two ways in which a driver and its device get each other's attention.</summary>
public interface IVirtQueueTransport
{
    /// <summary>Tells the device that there are new chains.</summary>
    void Kick();

    /// <summary>Waits until the device has notified the driver; may also return without a reason.</summary>
    /// <returns><see langword="false"/> if nothing more will come: the device has gone.</returns>
    bool Wait();
}
