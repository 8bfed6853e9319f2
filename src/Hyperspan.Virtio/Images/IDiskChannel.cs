namespace Hyperspan.Virtio;

/// <summary>Transfers data between an image and memory, for one worker: see <see cref="IDiskImage"/>. It knows nothing of where the memory or the request comes from.</summary>
/// <remarks>Used by one thread at a time. What it has begun may overlap, and completes in any order on any thread.</remarks>
public interface IDiskChannel : IDisposable
{
    /// <summary>Gets a value indicating whether transfers should have their memory pinned for the kernel (<see cref="DiskTransfer.Memory"/>); otherwise they are copied.</summary>
    bool UsesMemory => false;

    /// <summary>Transfers, at once or later.</summary>
    /// <param name="transfer">What to transfer. Its range is inside the image, and a write is to one that can be written.</param>
    /// <param name="result">How it went, where it is done.</param>
    /// <returns>Whether it is done; otherwise <see cref="DiskTransfer.Complete"/> is called, once.</returns>
    bool TryTransfer(DiskTransfer transfer, out DiskResult result);

    /// <summary>Begins what was put together so far: no more comes for now.</summary>
    void Submit()
    {
    }
}
