namespace Hyperspan;

/// <summary>Where the addresses of an <see cref="AddressReservation"/> are from, and so how they are given back.</summary>
internal enum AddressOrigin : byte
{
    /// <summary>Reserved by the system.</summary>
    System,

    /// <summary>From the C heap.</summary>
    Heap,

    /// <summary>A view of a section, on Windows.</summary>
    View,

    /// <summary>Parts of several kinds, on Windows: see <see cref="DividedAddresses"/>.</summary>
    Divided,
}
