using System.Text.Json.Serialization;

namespace Hyperspan.Tool.Demo;

/// <summary>One region of memory, as it was at the end.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Start">Its guest-physical address.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Sealed">Whether its file cannot shrink.</param>
/// <param name="Truncated">Whether its memory was taken away.</param>
/// <param name="TouchedBytes">How much of it has pages.</param>
/// <param name="Uses">What lies where.</param>
internal sealed record DemoRegionReport(
    string Name, GuestAddress Start, ulong Length, bool Sealed, bool Truncated, ulong TouchedBytes, IReadOnlyList<DemoUse> Uses)
{
    /// <summary>Gets the parts that have pages, as offsets and lengths.</summary>
    [JsonIgnore]
    public IReadOnlyList<(ulong Start, ulong Length)> Touched { get; init; } = [];
}
