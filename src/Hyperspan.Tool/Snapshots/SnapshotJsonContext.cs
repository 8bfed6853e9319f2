using System.Text.Json.Serialization;

namespace Hyperspan.Tool.Snapshots;

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SnapshotReport))]
[JsonSerializable(typeof(IReadOnlyList<SnapshotReport>))]
[JsonSerializable(typeof(DifferenceReport))]
internal sealed partial class SnapshotJsonContext : JsonSerializerContext;
