namespace Hyperspan;

/// <summary>Why a part of a region could not be accessed, before it is known what the caller asked for. The one form that a failure has inside.</summary>
/// <param name="Kind">The kind; of a fault that the backing has not been asked about so far, none.</param>
/// <param name="Cause">What made the access fail.</param>
/// <param name="Offset">The lowest offset in the region that could not be accessed; what lies below has been, where the operation is divisible.</param>
/// <param name="Exception">The backing's exception, if any.</param>
internal readonly record struct RegionFault(GuestMemoryFaultKind Kind, FaultCause Cause, ulong Offset, Exception? Exception = null)
{
    /// <summary>Gets a value indicating whether what stopped the access had gone when it was looked for: trying again is all there is to do.</summary>
    internal bool Vanished { get; init; }

    /// <summary>A fault that the backing is to be asked about.</summary>
    internal static RegionFault Met(FaultCause cause, ulong offset, bool vanished = false) => new(GuestMemoryFaultKind.None, cause, offset) { Vanished = vanished };

    /// <summary>The memory or the backing was disposed.</summary>
    internal static RegionFault Disposed(ulong offset) => new(GuestMemoryFaultKind.Disposed, FaultCause.Check, offset);
}
