namespace Hyperspan;

/// <summary>An access that a backing's mapping could not serve, as handed to <see cref="GuestMemoryBacking.OnPageFault"/>.</summary>
public readonly record struct PageFault
{
    /// <summary>Initializes a new instance of the <see cref="PageFault"/> struct.</summary>
    /// <param name="offset">The lowest offset that could not be accessed, in bytes from the start of the backing.</param>
    /// <param name="length">What is left of the access from <paramref name="offset"/> on, in bytes. Not all of it need be inaccessible.</param>
    /// <param name="access">Whether the access reads or writes. A compare-exchange writes.</param>
    /// <param name="bitmapFailure">Whether a clear bit in the access bitmap stopped the access; otherwise the mapping faulted.</param>
    /// <param name="cause">The signal, or <see cref="FaultCause.AccessBitmap"/>.</param>
    public PageFault(ulong offset, ulong length, AccessType access, bool bitmapFailure, FaultCause cause)
    {
        Offset = offset;
        Length = length;
        Access = access;
        BitmapFailure = bitmapFailure;
        Cause = cause;
    }

    /// <summary>Gets the lowest offset that could not be accessed, in bytes from the start of the backing.</summary>
    public ulong Offset { get; }

    /// <summary>Gets what is left of the access from <see cref="Offset"/> on, in bytes. Not all of it need be inaccessible.</summary>
    public ulong Length { get; }

    /// <summary>Gets whether the access reads or writes. A compare-exchange writes.</summary>
    public AccessType Access { get; }

    /// <summary>Gets a value indicating whether a clear bit in the access bitmap stopped the access; otherwise the mapping faulted.</summary>
    public bool BitmapFailure { get; }

    /// <summary>Gets the signal, or <see cref="FaultCause.AccessBitmap"/>.</summary>
    public FaultCause Cause { get; }

    /// <summary>Gets a value indicating whether the access writes.</summary>
    public bool IsWrite => Access == AccessType.Write;
}
