namespace Hyperspan.Tool.Demo;

/// <summary>What the demonstration did.</summary>
internal sealed record DemoReport
{
    public required string Version { get; init; }

    /// <summary>Gets a value indicating whether everything was as it has to be.</summary>
    public bool Verified => Error is null && Steps.Count > 0 && Steps.All(step => step.Verified) && Hashes.AllEqual;

    /// <summary>Gets why not, where it was not.</summary>
    public string? Error { get; set; }

    public double Seconds { get; set; }

    /// <summary>Gets how accesses to memory that can fault are guarded here.</summary>
    public required string Guard { get; init; }

    public ulong DiskBytes { get; init; } = DemoLayout.DiskLength;

    public int Queues { get; init; } = DemoLayout.QueueCount;

    /// <summary>Gets the features that device and guest agreed on, in hexadecimal.</summary>
    public string? Features { get; set; }

    public List<DemoStep> Steps { get; } = [];

    public DemoHashes Hashes { get; } = new();

    public DemoFault? Fault { get; set; }

    public IReadOnlyList<DemoRegionReport> Memory { get; set; } = [];
}
