using System.Globalization;

namespace Hyperspan.Streaming;

/// <summary>Bytes of a paged range that are contiguous in guest memory, or the page number at which the range cannot be followed any further.</summary>
public readonly struct PagedRun : IEquatable<PagedRun>
{
    private readonly GuestAddress _address;

    internal PagedRun(GuestAddress address, ulong length)
    {
        _address = address;
        Length = length;
        FirstPageNumber = address.PageNumber;
    }

    private PagedRun(ulong invalidPageNumber, int index)
    {
        _address = new GuestAddress((ulong)index);
        FirstPageNumber = invalidPageNumber;
    }

    /// <summary>Gets a value indicating whether there are bytes: <see langword="false"/> for a page number of 2^52 or more, which names no address.</summary>
    public bool IsValid => Length != 0;

    /// <summary>Gets the number of the first page; where the run is not valid, the number that is to blame.</summary>
    public ulong FirstPageNumber { get; }

    /// <summary>Gets the length in bytes; zero where the run is not valid.</summary>
    public ulong Length { get; }

    /// <summary>Gets the address of the first byte.</summary>
    /// <exception cref="InvalidOperationException">The run is not valid.</exception>
    public GuestAddress Address
    {
        get
        {
            if (!IsValid)
            {
                PagedThrow.InvalidRun(FirstPageNumber);
            }

            return _address;
        }
    }

    /// <summary>Gets the run as a range of addresses.</summary>
    /// <exception cref="InvalidOperationException">The run is not valid.</exception>
    public GuestRange Range => new(Address, Length);

    /// <inheritdoc/>
    public bool Equals(PagedRun other) => _address == other._address && Length == other.Length && FirstPageNumber == other.FirstPageNumber;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PagedRun other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_address, Length, FirstPageNumber);

    /// <summary>Returns <c>0x1000-0x3000</c>, the end exclusive, or the invalid page number.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => IsValid
        ? string.Create(CultureInfo.InvariantCulture, $"0x{_address.Value:x}-0x{(UInt128)_address.Value + Length:x}")
        : string.Create(CultureInfo.InvariantCulture, $"invalid page number 0x{FirstPageNumber:x}");

    /// <summary>Tells whether two runs have the same bytes.</summary>
    /// <param name="left">One run.</param>
    /// <param name="right">The other run.</param>
    public static bool operator ==(PagedRun left, PagedRun right) => left.Equals(right);

    /// <summary>Tells whether two runs differ.</summary>
    /// <param name="left">One run.</param>
    /// <param name="right">The other run.</param>
    public static bool operator !=(PagedRun left, PagedRun right) => !left.Equals(right);

    /// <summary>Gets the address of the first byte of a valid run.</summary>
    internal ulong Start => _address.Value;

    /// <summary>Gets where in the list the page number is that is to blame, where the run is not valid.</summary>
    internal int InvalidIndex => (int)_address.Value;

    internal static PagedRun Invalid(ulong pageNumber, int index) => new(pageNumber, index);
}
