namespace Hyperspan;

/// <summary>The ways in which <see cref="AddressText"/> writes an address.</summary>
internal enum AddressStyle
{
    /// <summary>Prefix and 16 hexadecimal digits.</summary>
    Padded,

    /// <summary>Prefix and as many lower-case hexadecimal digits as needed.</summary>
    LowerHex,

    /// <summary>Prefix and as many upper-case hexadecimal digits as needed.</summary>
    UpperHex,

    /// <summary>Decimal digits.</summary>
    Decimal,
}
