namespace Hyperspan;

/// <summary>An access that a backing's mapping could not serve, as handed to <see cref="GuestMemoryBacking.OnPageFault"/>.</summary>
/// <param name="Offset">The lowest offset that could not be accessed, in bytes from the start of the backing.</param>
/// <param name="Length">What is left of the access from <paramref name="Offset"/> on, in bytes. Not all of it need be inaccessible.</param>
/// <param name="Access">Whether the access reads or writes. A compare-exchange writes.</param>
/// <param name="BitmapFailure">Whether a clear bit in the access bitmap stopped the access; otherwise the mapping faulted.</param>
/// <param name="Cause">The signal, or <see cref="FaultCause.AccessBitmap"/>.</param>
public readonly record struct PageFault(ulong Offset, ulong Length, AccessType Access, bool BitmapFailure, FaultCause Cause)
{
    /// <summary>Gets a value indicating whether the access writes.</summary>
    public bool IsWrite => Access == AccessType.Write;
}
