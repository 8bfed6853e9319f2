namespace Hyperspan.Tests;

/// <summary>A file of its own for a test, deleted in the end.</summary>
internal sealed class TemporaryFile : IDisposable
{
    /// <summary>Makes a file of zeros.</summary>
    internal TemporaryFile(long length)
    {
        using FileStream file = File.Create(Path);
        file.SetLength(length);
    }

    /// <summary>Makes a file with contents.</summary>
    internal TemporaryFile(ReadOnlySpan<byte> contents) => File.WriteAllBytes(Path, contents);

    internal string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"hs-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(Path);
}
