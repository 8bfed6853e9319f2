namespace Hyperspan;

/// <summary>How the two ranges of a copy overlap in the backings they show.</summary>
[Flags]
internal enum CopyOverlap : byte
{
    /// <summary>No byte is both read and written, or each by the same step of the copy.</summary>
    None,

    /// <summary>Some bytes would be written before they are read, going upward.</summary>
    DestinationAbove = 1,

    /// <summary>Some bytes would be written before they are read, going downward.</summary>
    DestinationBelow = 2,

    /// <summary>Both, at different places: no order is right.</summary>
    Both = DestinationAbove | DestinationBelow,
}
