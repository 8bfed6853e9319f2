namespace Hyperspan;

/// <summary>What is told of each write to a backing, when it is done: see <see cref="GuestMemoryBacking.AddTracker"/>.</summary>
internal abstract class WriteTracker
{
    /// <summary>Called by the thread that wrote, before its access returns. Neither throws nor blocks.</summary>
    /// <param name="offset">The first byte that may have been written, in bytes from the start of the backing.</param>
    /// <param name="length">How many bytes, not zero; in bounds.</param>
    internal abstract void OnWritten(ulong offset, ulong length);

    /// <summary>Called when a dirty log is collected, of what is pinned for writing at that moment.</summary>
    /// <param name="offset">The first byte, in bytes from the start of the backing.</param>
    /// <param name="length">How many bytes, not zero; in bounds.</param>
    internal virtual void OnHeld(ulong offset, ulong length)
    {
    }
}
