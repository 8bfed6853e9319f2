namespace Hyperspan.Consumer.Tests;

/// <summary>A file with contents, deleted in the end.</summary>
internal sealed class TemporaryFile : IDisposable
{
    internal TemporaryFile(ReadOnlySpan<byte> contents) => File.WriteAllBytes(Path, contents);

    internal string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"hs-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(Path);
}
