namespace Hyperspan.Virtio.Tests;

/// <summary>A file that goes with the test.</summary>
internal sealed class TemporaryFile : IDisposable
{
    internal TemporaryFile(long length)
    {
        Path = System.IO.Path.GetTempFileName();
        using FileStream file = File.OpenWrite(Path);
        file.SetLength(length);
    }

    internal string Path { get; }

    public void Dispose() => File.Delete(Path);
}
