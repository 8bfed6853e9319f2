using System.Diagnostics;

namespace Hyperspan.Virtio;

/// <summary>
/// Data on its way between an image and somebody's memory. It belongs to the channel from <see cref="IDiskChannel.TryTransfer"/> until that has returned <see langword="true"/> or
/// <see cref="Complete"/> has been called; the memory stays where it is for as long.
/// </summary>
/// <remarks>Used by one thread at a time, whichever.</remarks>
[DebuggerDisplay("{Length} bytes at {Offset}")]
public abstract class DiskTransfer
{
    private int _isUnderWay;

    /// <summary>Gets or sets a value indicating whether it goes to the image; otherwise it comes from there.</summary>
    public bool IsWrite { get; protected set; }

    /// <summary>Gets or sets the first byte in the image; a multiple of 512, like <see cref="Length"/>.</summary>
    public ulong Offset { get; protected set; }

    /// <summary>Gets or sets how many bytes.</summary>
    public ulong Length { get; protected set; }

    /// <summary>Gets the memory as the kernel takes it, pinned: the pieces have <see cref="Length"/> in all. Empty where it can only be copied, or was not asked for.</summary>
    public abstract ReadOnlySpan<IoVector> Memory { get; }

    /// <summary>Copies out of the memory, as for a write.</summary>
    /// <param name="at">Where to begin, from zero to <see cref="Length"/>.</param>
    /// <param name="destination">Receives the bytes; its length says how many.</param>
    /// <param name="failure">The fault, if the memory failed.</param>
    /// <returns>Whether all were copied.</returns>
    public abstract bool TryCopyTo(ulong at, Span<byte> destination, out DiskResult failure);

    /// <summary>Copies into the memory, as for a read.</summary>
    /// <param name="at">Where to begin, from zero to <see cref="Length"/>.</param>
    /// <param name="source">The bytes.</param>
    /// <param name="failure">The fault, if the memory failed.</param>
    /// <returns>Whether all were copied.</returns>
    public abstract bool TryCopyFrom(ulong at, ReadOnlySpan<byte> source, out DiskResult failure);

    /// <summary>Says how it went, where <see cref="IDiskChannel.TryTransfer"/> returned <see langword="false"/> or has not returned yet. Once, by any thread.</summary>
    /// <param name="result">How it went. On failure a part may have been transferred.</param>
    /// <exception cref="InvalidOperationException">It is not under way.</exception>
    public void Complete(in DiskResult result)
    {
        if (Interlocked.Exchange(ref _isUnderWay, 0) == 0)
        {
            throw new InvalidOperationException("the transfer is not under way, or has been completed already");
        }

        OnCompleted(result);
    }

    /// <summary>Gets the memory as vectors, for a transfer by one call.</summary>
    internal virtual GuestIoVectors? Vectors => null;

    /// <summary>Gets or sets what a raw image has it done by where a thread has to wait for it; kept for the next time.</summary>
    internal RawDiskJob? Job { get; set; }

    /// <summary>Called once by whichever thread completes it.</summary>
    /// <param name="result">How it went.</param>
    protected abstract void OnCompleted(in DiskResult result);

    /// <summary>Hands it to a channel: it can be completed from now on.</summary>
    protected void Begin() => Volatile.Write(ref _isUnderWay, 1);
}
