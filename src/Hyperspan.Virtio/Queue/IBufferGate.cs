namespace Hyperspan.Virtio;

/// <summary>Says whether the buffers of a chain can be reached by now: for memory whose addresses are translated, and whose translations come when they are asked for.</summary>
/// <remarks>All members are called by the thread of the queue, and do not wait. What could be reached stays so until the chain is left in the ring, or is returned.</remarks>
public interface IBufferGate
{
    /// <summary>Looks whether a buffer, or an indirect table, can be reached; where not, has it made reachable.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="length">Its length in bytes; not zero.</param>
    /// <param name="isWritable">Whether the device is to write to it, not read it.</param>
    /// <returns>Whether a chain with it may be taken: also where it will never be reachable, so that its request can fail.</returns>
    bool IsReachable(GuestAddress address, uint length, bool isWritable);

    /// <summary>The chain that was asked about since the last chain is left in the ring, or has broken the queue.</summary>
    void OnLeft()
    {
    }

    /// <summary>The chain that was asked about since the last chain is in flight.</summary>
    /// <param name="head">What it is called.</param>
    void OnTaken(ushort head)
    {
    }

    /// <summary>A chain is returned to the driver: its buffers are not accessed any more.</summary>
    /// <param name="head">What it is called.</param>
    void OnReturned(ushort head)
    {
    }
}
