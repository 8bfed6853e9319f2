namespace Hyperspan;

/// <summary>Is told of writes to a memory: see <see cref="GuestMemory.ObserveWrites"/>.</summary>
public interface IWriteObserver
{
    /// <summary>Called by the thread that wrote, when the bytes are there and before its access returns. Several may call at once. It must neither throw nor wait.</summary>
    /// <param name="address">The guest-physical address of the first byte that may have been written.</param>
    /// <param name="length">How many bytes; not zero.</param>
    void OnWritten(GuestAddress address, ulong length);
}
