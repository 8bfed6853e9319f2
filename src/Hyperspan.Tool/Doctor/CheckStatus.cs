using System.Text.Json.Serialization;

namespace Hyperspan.Tool.Doctor;

/// <summary>How a check came out.</summary>
internal enum CheckStatus
{
    /// <summary>It is there.</summary>
    [JsonStringEnumMemberName("ok")]
    Ok,

    /// <summary>It is there in part, or something slower stands in for it.</summary>
    [JsonStringEnumMemberName("limited")]
    Limited,

    /// <summary>It is not there.</summary>
    [JsonStringEnumMemberName("missing")]
    Missing,
}
