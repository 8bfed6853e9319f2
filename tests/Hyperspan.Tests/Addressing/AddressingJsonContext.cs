using System.Text.Json.Serialization;

namespace Hyperspan.Tests.Addressing;

/// <summary>What a user of ahead-of-time compilation writes; the naming policy is there for the converters to ignore.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseUpper)]
[JsonSerializable(typeof(GuestAddress))]
[JsonSerializable(typeof(GuestRange))]
[JsonSerializable(typeof(Protection))]
[JsonSerializable(typeof(GuestMemoryRegion))]
[JsonSerializable(typeof(GuestRange?))]
[JsonSerializable(typeof(GuestMemoryRegion[]))]
[JsonSerializable(typeof(Dictionary<GuestAddress, GuestRange>))]
internal sealed partial class AddressingJsonContext : JsonSerializerContext;
