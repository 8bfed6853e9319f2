using System.Text.Json.Serialization;

namespace Hyperspan.Tool.Demo;

/// <summary>The SHA-256 of the data, each taken another way.</summary>
internal sealed record DemoHashes
{
    /// <summary>Gets that of what the guest generated and wrote.</summary>
    public string? Written { get; set; }

    /// <summary>Gets that of what the guest read back.</summary>
    public string? ReadBack { get; set; }

    /// <summary>Gets that of the image file as any program reads it.</summary>
    public string? Image { get; set; }

    /// <summary>Gets that of what the guest read over a new connection, after the first had been dropped.</summary>
    public string? Reconnected { get; set; }

    /// <summary>Gets a value indicating whether there are all four, and they are the same.</summary>
    [JsonIgnore]
    public bool AllEqual => Written is not null && Written == ReadBack && Written == Image && Written == Reconnected;
}
