namespace Hyperspan.Virtio;

/// <summary>Says whether the buffers of a chain can be reached by now: for memory whose addresses are translated, and whose translations come when they are asked for.</summary>
public interface IBufferGate
{
    /// <summary>Looks whether a buffer, or an indirect table, can be reached; where not, has it made reachable. Called by the thread of the queue, and does not wait.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="length">Its length in bytes; not zero.</param>
    /// <param name="isWritable">Whether the device is to write to it, not read it.</param>
    /// <returns>Whether a chain with it may be taken: also where it will never be reachable, so that its request can fail.</returns>
    bool IsReachable(GuestAddress address, uint length, bool isWritable);
}
