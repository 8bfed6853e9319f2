namespace Hyperspan;

/// <summary>What a part of <see cref="DividedAddresses"/> is to the system.</summary>
internal enum DividedPartKind : byte
{
    /// <summary>A placeholder: nothing is there, and nobody else is given the addresses.</summary>
    Vacant,

    /// <summary>An allocation in which pages are committed and given back. It can be divided, and its parts are not joined again while they hold something.</summary>
    Private,

    /// <summary>A view of a section. It comes and goes as a whole.</summary>
    View,
}
