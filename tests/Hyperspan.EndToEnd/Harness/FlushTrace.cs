namespace Hyperspan.EndToEnd.Harness;

/// <summary>What strace writes down of the flushes of an image, by which they are counted apart from what either side says.</summary>
internal sealed class FlushTrace : IDisposable
{
    internal FlushTrace() => Skip.If(TestBed.Program("strace") is null, "strace is missing: run tests/Hyperspan.EndToEnd/install");

    internal string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"hs-{Guid.NewGuid():N}");

    /// <summary>Counts those that have succeeded so far.</summary>
    internal int Count() =>
        File.Exists(Path) ? File.ReadLines(Path).Count(line => line.Contains("fdatasync", StringComparison.Ordinal) && line.EndsWith("= 0", StringComparison.Ordinal)) : 0;

    public void Dispose() => File.Delete(Path);
}
