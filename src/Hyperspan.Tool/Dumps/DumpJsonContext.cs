using System.Text.Json.Serialization;

namespace Hyperspan.Tool.Dumps;

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DumpReport))]
internal sealed partial class DumpJsonContext : JsonSerializerContext;
